#include "core/slot-map.h"
#include "server/executor/gather.h"
#include "server/executor/loan.h"
#include "server/objects/guarded.h"
#include "server/objects/raw-files.h"
#include "server/objects/read-operation.h"

namespace h5cap {
namespace {

// Raw files that one reply may take; a reply that would take more is cut.
constexpr std::size_t maxSlots = 64;

}  // namespace

kj::Promise<bool> ReadOperation::fromRawFiles(const ExternalStorage& storage) {
  if (dataset().type.hasVariable())
    raiseKj(ErrorCode::fileProblem, place_.text() + ": variable-length data cannot be in external raw files");
  const SlotMap map(storage.files);
  auto slots = map.touched(run_.part, result_.shape, elementBytes(), maxSlots);
  while (slots.size() > maxSlots && run_.count > 1) {
    cut(run_.count / 2);
    slots = map.touched(run_.part, result_.shape, elementBytes(), maxSlots);
  }
  return openRawFiles(place_.clone(), storage, slots).then([this](std::shared_ptr<RawFiles> files) {
    return gatherRaw(std::move(files));
  });
}

// As gather(), but the descriptors are the work's own.
kj::Promise<bool> ReadOperation::gatherRaw(std::shared_ptr<RawFiles> files) {
  return space_.reserve(run_.count * elementBytes())
      .then([this, files = std::move(files)](std::span<std::byte> target) mutable {
        GatherContext context;
        context.elementBytes = elementBytes();
        context.fillElement = Bytes(elementBytes());
        context.shape = result_.shape;
        auto loan = std::make_shared<Loan>();
        auto work = [context = std::move(context), files = std::move(files), target, loan, part = run_.part,
                     storage = storage_]() {
          Bytes elements(target.size());
          gatherExternal(context, std::get<ExternalStorage>(*storage), files->ofSlot(), part, elements);
          const bool areUnchanged = files->areUnchanged();
          loan->whileLent([&] { std::copy(elements.begin(), elements.end(), target.begin()); });
          return areUnchanged;
        };
        return server_.executor.run<bool>(place_.file->session().connection->id, kj::mv(work))
            .attach(kj::defer([loan] { loan->end(); }));
      })
      .then([this](bool areUnchanged) {
        if (!areUnchanged) return kj::Promise<bool>(false);
        return verify();
      });
}

}  // namespace h5cap
