#include <algorithm>
#include <cstring>

#include "core/plan/cover.h"
#include "core/heap.h"
#include "core/pack.h"
#include "server/base/guarded.h"
#include "server/reading/read-operation.h"
#include "server/reading/virtual-reader.h"

namespace h5cap {
namespace {

// The shape, or a larger one in which the selection, which counts nothing from the end, has all that it names.
Shape shapeHolding(const Selection& selection, Shape shape) {
  const auto& axes = selection.axes();
  auto grow = [&shape](std::size_t k, std::int64_t last) {
    shape[k] = std::max(shape[k], static_cast<std::uint64_t>(last) + 1);
  };
  for (std::size_t k = 0; k < std::min(axes.size(), shape.size()); ++k) {
    if (auto* index = std::get_if<std::int64_t>(&axes[k])) grow(k, *index);
    if (auto* range = std::get_if<Range>(&axes[k]); range && range->stop != Range::openEnd) grow(k, range->stop - 1);
    if (auto* list = std::get_if<Indices>(&axes[k]))
      for (std::int64_t value : list->values) grow(k, value);
  }
  return shape;
}

std::span<const std::byte> bytesOf(capnp::Data::Reader data) {
  return std::as_bytes(std::span(data.begin(), data.size()));
}

}  // namespace

kj::Promise<bool> ReadOperation::fromLibrary() {
  return version_
      ->ask([id = node_->id, part = run_.part, points = isScattered() ? coordinates_ : std::vector<std::uint64_t>()](
                rpc::PlannerRequest::Builder request) {
        auto elements = request.initElements();
        elements.setSource(id);
        if (points.empty())
          wire::writeRegion(part, elements.initRegion(part.axes.size()));
        else
          elements.setPoints(kj::arrayPtr(points.data(), points.size()));
      })
      .then([this](kj::Own<PlannerAnswer> answer) { return guarded([&] { return takeElements(kj::mv(answer)); }); },
            [this](kj::Exception&& problem) -> kj::Promise<bool> {
              if (errorOf(problem).code != ErrorCode::tooLarge || run_.count == 1) return kj::mv(problem);
              cut(std::max<std::uint64_t>(run_.count / 8, 1));
              return fromLibrary();
            });
}

kj::Promise<bool> ReadOperation::takeElements(kj::Own<PlannerAnswer> answer) {
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
  return space_.reserve(run_.count * packedBytes())
      .then([this, answer = kj::mv(answer)](std::span<std::byte> target) mutable {
        auto elements = answer->reply().getElements();
        auto packed = bytesOf(elements.getPacked()), heap = bytesOf(elements.getHeap());
        guarded([&] {
          if (picker_) return pickInto(target, packed, heap);
          std::copy(packed.begin(), packed.end(), target.begin());
          result_.heap.assign(heap.begin(), heap.end());
        });
        return verify();
      });
}

void ReadOperation::pickInto(std::span<std::byte> target, std::span<const std::byte> elements,
                             std::span<const std::byte> heap) {
  picker_->pick(elements, target);
  Heap picked(rpc::MAX_ELEMENT_BYTES);
  picked.append(picker_->type(), target, heap);
  result_.heap = picked.take();
}

// A source of another virtual dataset counts with the extent that its file stores, as in libhdf5, and reads as fill
// beyond.
kj::Promise<bool> ReadOperation::planMeasured() {
  if (depthLeft_ < maxVirtualDepth) return planWithin(shapeHolding(request_.selection, dataset().space.shape));
  return version_->storage(node_->id)
      .then([this](std::shared_ptr<const Storage> storage) {
        return measureExtent(place_.clone(), dataset().space, std::move(storage));
      })
      .then([this](VirtualExtent extent) {
        return guarded([&] {
          result_.missingSources = extent.missingSources;
          if (request_.absentSources == AbsentSources::raise && !extent.missingSources.empty())
            raiseKj(ErrorCode::missingSource,
                    place_.text() + ": its source '" + extent.missingSources.front() + "' does not exist");
          extent_ = std::move(extent);
          return planWithin(extent_->shape);
        });
      });
}

// A piece of a virtual dataset, in memory of its own.
struct ReadOperation::Piece {
  Bytes elements;
  Bytes heap;
};

kj::Promise<ReadOperation::Piece> ReadOperation::virtualPiece(const VirtualStorage& storage, Region region) {
  auto piece = kj::heap<Piece>();
  piece->elements.resize(region.elementCount() * elementBytes());
  std::span<std::byte> target(piece->elements);
  return version_->mappings(node_->id)
      .then([this, &storage, target, region = std::move(region)](std::shared_ptr<const MappingIndex> index) mutable {
        return guarded([&] {
          return readVirtual(VirtualRead{place_.clone(), request_.owner, node_, virtualShape(), extent_, &storage,
                                         kj::mv(index), std::move(region), fillElement(), request_.absentSources,
                                         depthLeft_ - 1},
                             target);
        });
      })
      .then([this, piece = kj::mv(piece)](VirtualOutcome outcome) mutable {
        piece->heap = std::move(outcome.heap);
        auto& missing = result_.missingSources;
        for (std::string& name : outcome.missingSources)
          if (std::find(missing.begin(), missing.end(), name) == missing.end()) missing.push_back(std::move(name));
        return std::move(*piece);
      });
}

kj::Promise<bool> ReadOperation::fromSources(const VirtualStorage& storage) {
  if (depthLeft_ == 0)
    raiseKj(ErrorCode::fileProblem, place_.text() + ": virtual datasets refer to each other more than 16 levels deep");
  // Room first: what the budget does not allow is not read.
  return space_.reserve(run_.count * packedBytes()).then([this, &storage](std::span<std::byte> target) {
    auto reading = isScattered() ? elementsFromSources(storage) : virtualPiece(storage, run_.part);
    return reading.then([this, target](Piece piece) {
      guarded([&] {
        if (picker_) return pickInto(target, piece.elements, piece.heap);
        std::copy(piece.elements.begin(), piece.elements.end(), target.begin());
        result_.heap = std::move(piece.heap);
      });
      return verify();
    });
  });
}

// Single elements, through regions that cover some of them each.
class ReadOperation::Scattered {
 public:
  Scattered(ReadOperation& read, const VirtualStorage& storage) : read_(read), storage_(storage) {
    whole_.elements.resize(read_.run_.count * read_.elementBytes());
  }

  kj::Promise<Piece> run() {
    const auto rank = read_.result_.shape.size();
    if (done_ == read_.run_.count) {
      whole_.heap = heap_.take();
      return std::move(whole_);
    }
    auto covered = coverElements(std::span(read_.coordinates_).subspan(done_ * rank), rank);
    auto reading = read_.virtualPiece(storage_, covered.region);
    return reading.then([this, places = std::move(covered.places)](Piece piece) {
      return guarded([&] {
        take(places, std::move(piece));
        return run();
      });
    });
  }

 private:
  void take(const std::vector<std::uint64_t>& places, Piece piece) {
    const auto bytes = read_.elementBytes();
    heap_.append(read_.dataset().type, piece.elements, piece.heap);
    for (auto place : places)
      std::memcpy(whole_.elements.data() + done_++ * bytes, piece.elements.data() + place * bytes, bytes);
  }

  ReadOperation& read_;
  const VirtualStorage& storage_;
  Piece whole_;
  Heap heap_{rpc::MAX_ELEMENT_BYTES};
  std::uint64_t done_ = 0;
};

kj::Promise<ReadOperation::Piece> ReadOperation::elementsFromSources(const VirtualStorage& storage) {
  auto scattered = kj::heap<Scattered>(*this, storage);
  auto promise = scattered->run();
  return promise.attach(kj::mv(scattered));
}

}  // namespace h5cap
