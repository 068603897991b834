#include "server/objects/dataset-reader.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/codec/codec.h"
#include "core/convert.h"
#include "server/executor/gather.h"
#include "server/executor/loan.h"
#include "server/objects/guarded.h"
#include "server/objects/virtual-reader.h"

namespace h5cap {
namespace {

// The first guess at how many variable-length elements fit a reply.
constexpr std::uint64_t maxVariableElements = 16384;

std::uint64_t saturatingProduct(const Shape& counts) {
  std::uint64_t product = 1;
  for (std::uint64_t count : counts)
    if (__builtin_mul_overflow(product, count, &product)) return unlimited;
  return product;
}

std::span<const std::byte> bytesOf(capnp::Data::Reader data) {
  return std::as_bytes(std::span(data.begin(), data.size()));
}

// An own descriptor of a file that is lent.
kj::AutoCloseFd borrow(int file, Loan& loan) {
  int copy = -1;
  if (!loan.whileLent([&] { copy = fcntl(file, F_DUPFD_CLOEXEC, 0); })) throw Failed("the read was cancelled");
  if (copy < 0) throw Busy(std::string("no descriptor for a read: ") + std::strerror(errno));
  return kj::AutoCloseFd(copy);
}

// This thread's memory for one reply.  Kept from read to read, since fresh pages cost more than zeroing them.
std::span<std::byte> zeroedScratch(std::size_t bytes) {
  constexpr std::size_t keptBytes = 4 << 20;
  thread_local Bytes scratch;
  if (scratch.capacity() > keptBytes && bytes <= keptBytes) scratch = Bytes();
  scratch.assign(bytes, std::byte{0});
  return scratch;
}

// State of one read.  The steps below follow each other; each returns whether the file is still the version that was read.
class ReadOperation {
 public:
  ReadOperation(NodePlace place, ReadRequest request, ElementSpace& space, int depthLeft)
      : place_(kj::mv(place)), request_(std::move(request)), space_(space), depthLeft_(depthLeft),
        server_(place_.file->session().server), giveUp_(server_.timer.now() + changedFor()) {}

  kj::Promise<ReadResult> run() {
    return firstVersion().then([this](kj::Own<FileVersion> version) { return attemptUntilUnchanged(kj::mv(version)); });
  }

 private:
  kj::Duration changedFor() const { return server_.limits.changedFor.count() * kj::MILLISECONDS; }

  // SWMR files grow all the time, and reads of them want the newest; others are checked after the read.
  kj::Promise<kj::Own<FileVersion>> firstVersion() {
    auto latest = place_.file->latest();
    auto info = latest->info();
    return info.then([this, latest = kj::mv(latest)](std::shared_ptr<const FileInfo> info) mutable
                     -> kj::Promise<kj::Own<FileVersion>> {
                       if (info->isSwmr) return place_.file->current();
                       return kj::mv(latest);
                     },
                     [this](kj::Exception&&) { return place_.file->current(); });
  }

  kj::Promise<ReadResult> attemptUntilUnchanged(kj::Own<FileVersion> version) {
    version_ = kj::mv(version);
    return kj::evalNow([this] { return attempt(); })
        .then([](bool unchanged) -> kj::Promise<bool> { return unchanged; },
              [this](kj::Exception&& problem) -> kj::Promise<bool> {
                auto checked = place_.file->mayBeStale(*version_, problem);
                return checked.then([this, problem = kj::mv(problem)](bool isStale) mutable {
                  if (!isStale || server_.timer.now() > giveUp_)
                    kj::throwFatalException(place_.file->named(kj::mv(problem)));
                  return false;
                });
              })
        .then([this](bool unchanged) -> kj::Promise<ReadResult> {
          if (unchanged) return std::move(result_);
          if (server_.timer.now() > giveUp_)
            raiseKj(ErrorCode::changed, place_.text() + ": the file kept changing while it was read");
          return place_.file->current().then(
              [this](kj::Own<FileVersion> next) { return attemptUntilUnchanged(kj::mv(next)); });
        });
  }

  kj::Promise<bool> attempt() {
    result_ = ReadResult{};
    result_.version = version_->version();
    if (!request_.ifVersion.empty() && !version_->satisfies(request_.ifVersion))
      raiseKj(ErrorCode::changed, place_.text() + ": the file is not the version that was asked for");
    return version_->info()
        .then([this](std::shared_ptr<const FileInfo> info) {
          isSwmr_ = info->isSwmr;
          return version_->resolve(place_.path, true);
        })
        .then([this](std::shared_ptr<const Resolution> end) -> kj::Promise<bool> {
          return guarded([&] {
            auto* node = std::get_if<NodePointer>(end.get());
            if (node == nullptr) raiseKj(ErrorCode::changed, place_.text() + ": is no longer there");
            node_ = *node;
            result_.node = node_;
            return plan();
          });
        });
  }

  const DatasetInfo& dataset() const { return *node_->dataset; }
  std::size_t elementBytes() const { return std::max<std::size_t>(dataset().type.size(), 1); }

  kj::Promise<bool> plan() {
    if (node_->problem) raiseKj(node_->problem->code, place_.text() + ": " + node_->problem->message);
    if (!node_->dataset) raiseKj(ErrorCode::badType, place_.text() + ": is not a dataset");
    const std::string reason = dataset().type.unsupportedReason();
    if (!reason.empty()) raiseKj(ErrorCode::unimplemented, place_.text() + ": " + reason);
    result_.objectId = node_->id;
    if (dataset().space.kind == Dataspace::Kind::unknown)
      raiseKj(ErrorCode::unimplemented, place_.text() + ": " + dataset().space.whyUnknown);
    if (dataset().space.kind == Dataspace::Kind::null) return nothing();
    if (dataset().type.size() > rpc::MAX_ELEMENT_BYTES)
      raiseKj(ErrorCode::tooLarge, place_.text() + ": one element is larger than 32 MiB");

    result_.shape = dataset().space.shape;
    region_ = resolve(request_.selection, result_.shape);
    result_.selected = region_.shape();
    total_ = region_.elementCount();
    if (request_.firstElement > total_)
      raiseKj(ErrorCode::badSelection, place_.text() + ": the cursor lies beyond the selection");
    if (request_.firstElement == total_) return nothing();

    replyBytes_ = request_.replyBytes == 0 ? rpc::DEFAULT_REPLY_BYTES : request_.replyBytes;
    replyBytes_ = std::min<std::uint64_t>(replyBytes_, rpc::MAX_REPLY_BYTES);
    std::uint64_t elements = std::max<std::uint64_t>(replyBytes_ / elementBytes(), 1);
    if (dataset().type.hasVariable()) elements = std::min(elements, maxVariableElements);
    cut(elements);
    return version_->storage(node_->id).then([this](std::shared_ptr<const Storage> storage) {
      storage_ = kj::mv(storage);
      return guarded([&] { return fetch(); });
    });
  }

  void cut(std::uint64_t maxElements) {
    run_ = runFrom(region_, request_.firstElement, maxElements);
    result_.first = run_.first;
    result_.count = run_.count;
    result_.next = std::nullopt;
    if (run_.first + run_.count < total_) result_.next = run_.first + run_.count;
  }

  kj::Promise<bool> nothing() {
    result_.first = request_.firstElement;
    return space_.reserve(0).then([this](std::span<std::byte>) { return verify(); });
  }

  kj::Promise<bool> fetch() {
    if (std::holds_alternative<Unallocated>(*storage_)) return fill();
    if (auto* sources = std::get_if<VirtualStorage>(storage_.get())) return fromSources(*sources);
    if (std::holds_alternative<ExternalStorage>(*storage_))
      raiseKj(ErrorCode::unimplemented, place_.text() + ": its elements are in external raw files");
    if (dataset().type.hasVariable() || std::holds_alternative<LibraryOnly>(*storage_)) return fromLibrary();
    if (auto* chunked = std::get_if<ChunkedStorage>(storage_.get())) {
      if (!codec::canDecode(chunked->filters)) return fromLibrary();
      return fromChunks(*chunked);
    }
    return gather(nullptr, ChunkBox{});
  }

  // What elements read as that were never written.
  bool readsZeros() const {
    if (dataset().fillTime == FillTime::never && dataset().layout != Layout::virtualMapping) return true;
    return dataset().fillValue.empty();
  }
  Bytes fillElement() const { return readsZeros() ? Bytes(elementBytes()) : dataset().fillValue; }

  kj::Promise<bool> fill() {
    // One element says it all, so the whole rest fits one reply.
    result_.count = total_ - request_.firstElement;
    result_.next = std::nullopt;
    result_.fill = fillElement();
    if (!readsZeros()) result_.heap = dataset().fillHeap;
    return verify();
  }

  kj::Promise<bool> verify() {
    if (isSwmr_) return true;
    return place_.file->unchanged(*version_);
  }

  kj::Promise<bool> fromChunks(const ChunkedStorage& chunked) {
    const Shape& chunk = chunked.chunkShape;
    if (chunk.size() != result_.shape.size() || std::find(chunk.begin(), chunk.end(), 0u) != chunk.end())
      raiseKj(ErrorCode::fileProblem, place_.text() + ": chunk shape and dataset shape do not agree");
    Shape grid(chunk.size());
    for (std::size_t axis = 0; axis < grid.size(); ++axis)
      grid[axis] = result_.shape[axis] / chunk[axis] + (result_.shape[axis] % chunk[axis] != 0);
    ChunkBox box = chunkBox(run_.part, chunk);
    while (saturatingProduct(box.count) > rpc::MAX_PLAN_CHUNKS && run_.count > 1) {
      cut(run_.count / 2);
      box = chunkBox(run_.part, chunk);
    }
    return version_->extents(node_->id, grid, box)
        .then([this, box](std::shared_ptr<const Extents> extents) -> kj::Promise<bool> {
          const bool neverWritten = std::all_of(extents->begin(), extents->end(), [](const ChunkExtent& extent) {
            return extent.address == ChunkExtent::neverWritten;
          });
          if (!neverWritten) return gather(kj::mv(extents), box);
          result_.fill = fillElement();
          return verify();
        });
  }

  // Reads and decodes on an executor thread, and looks at the stamp there when it is done.
  //
  // Work that has begun outlives a read that is cancelled, but neither the reply nor the file does: it reads through a
  // descriptor of its own and into memory of its own, and copies what it has while there is somewhere to copy it to.
  kj::Promise<bool> gather(std::shared_ptr<const Extents> extents, ChunkBox box) {
    return space_.reserve(run_.count * elementBytes())
        .then([this, extents = kj::mv(extents), box = kj::mv(box)](std::span<std::byte> target) mutable {
          GatherContext context{version_->file(),    version_->stamp().size, version_->versionText(),
                                &server_.chunks,     elementBytes(),         fillElement(),
                                dataset().space.shape};
          auto loan = std::make_shared<Loan>();
          auto work = [context = std::move(context), extents = kj::mv(extents), box = std::move(box), target, loan,
                       part = run_.part, storage = storage_, node = node_, stamp = version_->stamp(),
                       isSwmr = isSwmr_]() mutable {
            auto file = borrow(context.file, *loan);
            context.file = file.get();
            if (isSwmr) context.fileSize = stampOf(context.file).size;
            auto scratch = zeroedScratch(target.size());
            if (auto* contiguous = std::get_if<ContiguousStorage>(storage.get()))
              gatherContiguous(context, *contiguous, part, scratch);
            else if (auto* bytes = std::get_if<InlineBytes>(storage.get()))
              gatherInline(context, *bytes, part, scratch);
            else
              gatherChunks(context, std::get<ChunkedStorage>(*storage), box, *extents, part, scratch);
            bool isUnchanged = isSwmr || stampOf(context.file) == stamp;
            loan->whileLent([&] { std::copy(scratch.begin(), scratch.end(), target.begin()); });
            return isUnchanged;
          };
          return server_.executor.run<bool>(place_.file->session().connection->id, kj::mv(work))
              .attach(kj::defer([loan] { loan->end(); }));
        });
  }

  kj::Promise<bool> fromLibrary() {
    return version_
        ->ask([id = node_->id, part = run_.part](rpc::PlannerRequest::Builder request) {
          auto elements = request.initElements();
          elements.setSource(id);
          wire::writeRegion(part, elements.initRegion(part.axes.size()));
        })
        .then([this](kj::Own<PlannerAnswer> answer) { return guarded([&] { return takeElements(kj::mv(answer)); }); },
              [this](kj::Exception&& problem) -> kj::Promise<bool> {
                if (errorOf(problem).code != ErrorCode::tooLarge || run_.count == 1) return kj::mv(problem);
                cut(std::max<std::uint64_t>(run_.count / 8, 1));
                return fromLibrary();
              });
  }

  kj::Promise<bool> takeElements(kj::Own<PlannerAnswer> answer) {
    auto reply = answer->reply();
    if (!reply.isElements() || reply.getElements().getPacked().size() != run_.count * elementBytes())
      raiseKj(ErrorCode::fileProblem, place_.text() + ": the planner's elements do not have the size asked for");
    auto elements = reply.getElements();
    const std::uint64_t bytes = elements.getPacked().size() + elements.getHeap().size();
    if (bytes > rpc::MAX_REPLY_BYTES && run_.count > 1) {
      cut(std::max<std::uint64_t>(run_.count * replyBytes_ / bytes, 1));
      return fromLibrary();
    }
    if (bytes > rpc::MAX_ELEMENT_BYTES)
      raiseKj(ErrorCode::tooLarge, place_.text() + ": one element with its data is larger than 32 MiB");
    return space_.reserve(elements.getPacked().size())
        .then([this, answer = kj::mv(answer)](std::span<std::byte> target) mutable {
          auto elements = answer->reply().getElements();
          std::memcpy(target.data(), elements.getPacked().begin(), target.size());
          auto heap = bytesOf(elements.getHeap());
          result_.heap.assign(heap.begin(), heap.end());
          return verify();
        });
  }

  kj::Promise<bool> fromSources(const VirtualStorage& storage) {
    if (depthLeft_ == 0)
      raiseKj(ErrorCode::fileProblem, place_.text() + ": virtual datasets refer to each other more than 16 levels deep");
    return version_->mappings(node_->id)
        .then([this, &storage](std::shared_ptr<const MappingIndex> index) {
          return space_.reserve(run_.count * elementBytes())
              .then([this, &storage, index = kj::mv(index)](std::span<std::byte> target) mutable {
                return guarded([&] {
                  return readVirtual(VirtualRead{place_.clone(), node_, &storage, kj::mv(index), run_.part,
                                                 fillElement(), request_.absentSources, depthLeft_ - 1},
                                     target);
                });
              });
        })
        .then([this](VirtualOutcome outcome) {
          result_.heap = std::move(outcome.heap);
          result_.missingSources = std::move(outcome.missingSources);
          return verify();
        });
  }

  NodePlace place_;
  ReadRequest request_;
  ElementSpace& space_;
  int depthLeft_;
  ServerContext& server_;
  kj::TimePoint giveUp_;

  // Of the attempt under way.
  kj::Own<FileVersion> version_;
  NodePointer node_;
  std::shared_ptr<const Storage> storage_;
  bool isSwmr_ = false;
  Region region_;
  std::uint64_t total_ = 0;
  std::uint64_t replyBytes_ = 0;
  Run run_;
  ReadResult result_;
};

}  // namespace

kj::Promise<ReadResult> readDataset(NodePlace place, ReadRequest request, ElementSpace& space, int depthLeft) {
  auto operation = kj::heap<ReadOperation>(kj::mv(place), std::move(request), space, depthLeft);
  auto promise = kj::evalNow([&] { return operation->run(); });
  return promise.attach(kj::mv(operation));
}

namespace {

// Appends replies until there is no more.
class WholeReader {
 public:
  WholeReader(NodePlace place, Selection selection, AbsentSources absentSources, int depthLeft)
      : place_(kj::mv(place)), depthLeft_(depthLeft) {
    request_.selection = std::move(selection);
    request_.absentSources = absentSources;
    request_.replyBytes = rpc::MAX_REPLY_BYTES;
  }

  kj::Promise<WholeRead> run() {
    return readDataset(place_.clone(), request_, space_, depthLeft_).then([this](ReadResult result) {
      return guarded([&]() -> kj::Promise<WholeRead> {
        append(result);
        if (!result.next) return std::move(whole_);
        request_.firstElement = *result.next;
        request_.ifVersion = result.version;
        return run();
      });
    });
  }

 private:
  void append(const ReadResult& result) {
    if (whole_.elements.empty())
      whole_.type = result.node->dataset->type;
    else if (!sameElements(whole_.type, result.node->dataset->type))
      raiseKj(ErrorCode::changed, place_.text() + ": its datatype changed while it was read");
    const std::size_t size = std::max<std::size_t>(whole_.type.size(), 1);
    const std::size_t before = whole_.elements.size();
    if (result.fill) {
      if (result.count > rpc::MAX_MESSAGE_WORDS * 8 / size)
        raiseKj(ErrorCode::tooLarge, place_.text() + ": a piece of a virtual dataset is larger than 64 MiB");
      whole_.elements.resize(before + result.count * size);
      fillElements(*result.fill, std::span(whole_.elements).subspan(before));
    } else {
      whole_.elements.insert(whole_.elements.end(), space_.bytes().begin(), space_.bytes().end());
    }
    if (!result.heap.empty()) {
      relocate(whole_.type, std::span(whole_.elements).subspan(before), whole_.heap.size());
      whole_.heap.insert(whole_.heap.end(), result.heap.begin(), result.heap.end());
    }
    whole_.missingSources.insert(whole_.missingSources.end(), result.missingSources.begin(),
                                 result.missingSources.end());
  }

  NodePlace place_;
  int depthLeft_;
  ReadRequest request_;
  HeapSpace space_;
  WholeRead whole_;
};

}  // namespace

kj::Promise<WholeRead> readWhole(NodePlace place, Selection selection, AbsentSources absentSources, int depthLeft) {
  auto reader = kj::heap<WholeReader>(kj::mv(place), std::move(selection), absentSources, depthLeft);
  auto promise = kj::evalNow([&] { return reader->run(); });
  return promise.attach(kj::mv(reader));
}

}  // namespace h5cap
