#include <cstring>

#include "core/cover.h"
#include "core/slot-map.h"
#include "server/executor/gather.h"
#include "server/executor/loan.h"
#include "server/base/guarded.h"
#include "server/files/raw-files.h"
#include "server/reading/read-operation.h"

namespace h5cap {
namespace {

// Raw files that one reply may take; a reply that would take more is cut.
constexpr std::size_t maxSlots = 64;

}  // namespace

kj::Promise<bool> ReadOperation::fromRawFiles(const ExternalStorage& storage) {
  if (dataset().type.hasVariable())
    raiseKj(ErrorCode::fileProblem, place_.text() + ": variable-length data cannot be in external raw files");
  const SlotMap map(storage.files);
  auto regions = coveredRegions();
  auto slots = touched(map, regions);
  while (slots.size() > maxSlots && run_.count > 1) {
    cut(run_.count / 2);
    regions = coveredRegions();
    slots = touched(map, regions);
  }
  return openRawFiles(place_.clone(), storage, slots)
      .then([this, regions = std::move(regions)](std::shared_ptr<RawFiles> files) mutable {
        return gatherRaw(std::move(files), std::move(regions));
      },
            [this, &storage, many = slots.size() > 1](kj::Exception&& problem) -> kj::Promise<bool> {
              if (errorOf(problem).code != ErrorCode::busy || !many || run_.count == 1) return kj::mv(problem);
              cut(run_.count / 2);  // too many files at once
              return fromRawFiles(storage);
            });
}

// What the reply carries as regions: one, or for single elements those that cover them.
std::vector<CoveredElements> ReadOperation::coveredRegions() const {
  if (!isScattered()) return {CoveredElements{run_.part, {}}};
  std::vector<CoveredElements> regions;
  const auto rank = result_.shape.size();
  for (std::uint64_t done = 0; done < run_.count; done += regions.back().places.size())
    regions.push_back(coverElements(std::span(coordinates_).subspan(done * rank), rank));
  return regions;
}

std::set<std::size_t> ReadOperation::touched(const SlotMap& map, const std::vector<CoveredElements>& regions) const {
  std::set<std::size_t> slots;
  for (const auto& one : regions) {
    slots.merge(map.touched(one.region, result_.shape, elementBytes(), maxSlots));
    if (slots.size() > maxSlots) break;
  }
  return slots;
}

// As gather(), but the descriptors are the work's own.
kj::Promise<bool> ReadOperation::gatherRaw(std::shared_ptr<RawFiles> files, std::vector<CoveredElements> regions) {
  return space_.reserve(run_.count * packedBytes())
      .then([this, files = std::move(files), regions = std::move(regions)](std::span<std::byte> target) mutable {
        GatherContext context;
        context.elementBytes = elementBytes();
        context.fillElement = Bytes(elementBytes());
        context.shape = result_.shape;
        auto loan = std::make_shared<Loan>();
        const auto allFiles = files;
        auto work = [context = std::move(context), files = std::move(files), target, loan,
                     regions = std::move(regions), count = run_.count, picker = picker_,
                     storage = storage_]() {
          Bytes elements;
          elements.reserve(count * context.elementBytes);
          for (const auto& one : regions) {
            Bytes piece(one.region.elementCount() * context.elementBytes);
            gatherExternal(context, std::get<ExternalStorage>(*storage), files->ofSlot(), one.region, piece);
            if (regions.size() == 1 && one.places.empty()) elements = std::move(piece);
            for (auto place : one.places) {
              auto from = piece.begin() + static_cast<std::ptrdiff_t>(place * context.elementBytes);
              elements.insert(elements.end(), from, from + static_cast<std::ptrdiff_t>(context.elementBytes));
            }
          }
          if (picker) {
            Bytes picked(target.size());
            picker->pick(elements, picked);
            elements = std::move(picked);
          }
          const bool areUnchanged = files->areUnchanged();
          loan->whileLent([&] { std::copy(elements.begin(), elements.end(), target.begin()); });
          return areUnchanged;
        };
        const auto lane = allFiles->lane();
        auto reading = lane ? server_.executor.run<bool>(*lane, request_.owner, kj::mv(work))
                            : server_.executor.run<bool>(request_.owner, kj::mv(work));
        return allFiles->during(server_.timer, kj::mv(reading))
            .attach(kj::defer([loan] { loan->end(); }));
      })
      .then([this](bool areUnchanged) {
        if (!areUnchanged) return kj::Promise<bool>(false);
        return verify();
      });
}

}  // namespace h5cap
