#include <algorithm>
#include <cstring>

#include "server/objects/guarded.h"
#include "server/objects/read-operation.h"
#include "server/objects/virtual-reader.h"

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
  return space_.reserve(elements.getPacked().size())
      .then([this, answer = kj::mv(answer)](std::span<std::byte> target) mutable {
        auto elements = answer->reply().getElements();
        std::memcpy(target.data(), elements.getPacked().begin(), target.size());
        auto heap = bytesOf(elements.getHeap());
        result_.heap.assign(heap.begin(), heap.end());
        return verify();
      });
}

// A source of another virtual dataset counts with the extent that its file stores, as in libhdf5, and reads as fill beyond.
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

kj::Promise<bool> ReadOperation::fromSources(const VirtualStorage& storage) {
  if (depthLeft_ == 0)
    raiseKj(ErrorCode::fileProblem, place_.text() + ": virtual datasets refer to each other more than 16 levels deep");
  return version_->mappings(node_->id)
      .then([this, &storage](std::shared_ptr<const MappingIndex> index) {
        return space_.reserve(run_.count * elementBytes())
            .then([this, &storage, index = kj::mv(index)](std::span<std::byte> target) mutable {
              return guarded([&] {
                return readVirtual(VirtualRead{place_.clone(), node_, virtualShape(), extent_, &storage,
                                               kj::mv(index), run_.part, fillElement(), request_.absentSources,
                                               depthLeft_ - 1},
                                   target);
              });
            });
      })
      .then([this](VirtualOutcome outcome) {
        result_.heap = std::move(outcome.heap);
        auto& missing = result_.missingSources;
        for (std::string& name : outcome.missingSources)
          if (std::find(missing.begin(), missing.end(), name) == missing.end()) missing.push_back(std::move(name));
        return verify();
      });
}

}  // namespace h5cap
