// Dataset; View: composing selections, and reading them.  TileStream is in tile-stream.cc.
#include "h5cap/dataset.h"

#include <algorithm>
#include <thread>

#include "client/src/reading/cached-read.h"
#include "client/src/reading/known-extent.h"
#include "client/src/reading/read.h"
#include "client/src/rpc/retry.h"
#include "h5cap/error.h"

namespace h5cap {

namespace {

class PackedSink final : public detail::Sink {
 public:
  std::span<std::byte> prepare(const DataType&, std::uint64_t bytes) override {
    elements_.resize(bytes);
    return elements_;
  }

  // Once the read is done.
  PackedElements take() {
    auto rest = result.lock();
    return {std::move(rest->type), std::move(rest->shape), std::move(elements_), rest->heap.take(),
            std::move(rest->missingSources), std::move(rest->version)};
  }
  std::span<const std::byte> elements() const { return elements_; }

 private:
  Bytes elements_;
};

class CallerSink final : public detail::Sink {
 public:
  explicit CallerSink(std::span<std::byte> target) : target_(target) {}

  std::span<std::byte> prepare(const DataType& type, std::uint64_t bytes) override {
    if (type.hasVariable()) throw BadType("variable-length data does not fit into plain memory: use readPacked");
    if (bytes > target_.size()) {
      throw BadSelection("the selection has " + std::to_string(bytes) + " bytes, and the target room for " +
                         std::to_string(target_.size()));
    }
    return target_.first(bytes);
  }

  std::span<const std::byte> elements() const { return target_; }

 private:
  std::span<std::byte> target_;
};

bool isEverything(const Selection& selection) {
  auto saysNothing = [](const Axis& axis) {
    return std::holds_alternative<All>(axis) || std::holds_alternative<Ellipsis>(axis);
  };
  return selection.isOrthogonal() && std::all_of(selection.axes().begin(), selection.axes().end(), saysNothing);
}

void waitForRead(detail::NodeState& node, const detail::SharedCall& call, detail::Sink& sink,
                 const ReadOptions& options) {
  std::function<void()> tick;
  if (options.progress) tick = [&] { options.progress(sink.elementsDone, sink.elementsTotal); };
  try {
    node.connection().wait(call, detail::Connection::GiveUp::cancel, tick);
  } catch (...) {
    sink.close();  // the target is the caller's again
    throw;
  }
  if (!options.missingSources) return;
  auto names = sink.result.lock()->missingSources;
  options.missingSources(names);
}

template <class S>
void readWhole(const std::shared_ptr<detail::NodeState>& node, const Selection& selection, const ReadOptions& options,
               const std::shared_ptr<S>& sink) {
  if (detail::readFromCache(node, selection, options, *sink)) return;
  waitForRead(*node, detail::startRead(node, selection, options, sink), *sink, options);
  detail::keepInCache(node, selection, options, *sink, sink->elements());
}

template <class F>
void keep(std::promise<PackedElements>& promise, F&& result) {
  try {
    promise.set_value(result());
  } catch (...) {
    promise.set_exception(std::current_exception());
  }
}

}  // namespace

const std::string& Dataset::path() const { return state_->path(); }
std::shared_ptr<const NodeInfo> Dataset::nodeInfo() const { return state_->info(); }
std::shared_ptr<const FileInfo> Dataset::fileInfo() const { return state_->fileInfo(); }
std::shared_ptr<const DatasetInfo> Dataset::info() const { return state_->datasetInfo(); }
Attributes Dataset::attributes() const { return Attributes(state_); }
DatasetInfo Dataset::refresh() const { return state_->refresh(); }
View Dataset::view() const { return View(state_, Selection()); }

std::vector<std::string> Dataset::missingSources() const {
  auto names = std::make_shared<std::vector<std::string>>();
  detail::retried(state_->connection(), [&] {
    state_->connection().run([remote = state_->remote(), names]() -> kj::Promise<void> {
      return remote->node.castAs<rpc::Dataset>().missingSourcesRequest().send().then([names](auto reply) {
        for (auto name : reply.getNames()) names->push_back(name);
      });
    });
  });
  return std::move(*names);
}

View::View(std::shared_ptr<detail::NodeState> node, Selection selection)
    : node_(std::move(node)), selection_(std::move(selection)) {}

View View::operator[](const Selection& inner) const {
  if (isEverything(selection_)) {
    auto known = node_->knownInfo();
    if (known && known->dataset && known->dataset->space.kind == Dataspace::Kind::simple) {
      Resolved(inner, known->dataset->space.shape);  // says what is wrong now, and not when it is read
    }
    return View(node_, inner);
  }
  return View(node_, compose(selection_, inner, node_->shape()));
}

Shape View::shape() const { return Resolved(selection_, node_->shape()).shape(); }

PackedElements View::readPacked(const ReadOptions& options) const {
  return detail::retried(node_->connection(), [&] {
    auto sink = std::make_shared<PackedSink>();
    readWhole(node_, selection_, options, sink);
    return sink->take();
  });
}

Shape View::readPackedInto(std::byte* target, std::size_t capacity, const ReadOptions& options) const {
  const Selection fixed = detail::fixedToKnown(*node_, selection_);
  return detail::retried(node_->connection(), [&] {
    auto sink = std::make_shared<CallerSink>(std::span(target, capacity));
    readWhole(node_, fixed, options, sink);
    if (options.version) options.version(sink->result.lock()->version);
    return sink->result.lock()->shape;
  });
}

std::future<PackedElements> View::readPackedAsync(const ReadOptions& options) const {
  auto sink = std::make_shared<PackedSink>();
  auto promise = std::make_shared<std::promise<PackedElements>>();
  auto future = promise->get_future();
  auto whenDone = [sink, promise, view = *this, options](const detail::Call& call) {
    view.node_->connection().channel()->noteAwaited();
    if (call.wasLost() && view.node_->connection().mayReconnect()) {
      // Connecting waits, which the loop's thread must not.
      std::thread([promise, view, options] { keep(*promise, [&] { return view.readPacked(options); }); }).detach();
      return;
    }
    keep(*promise, [&] {
      call.check();
      return sink->take();
    });
  };
  detail::retried(node_->connection(), [&] { detail::startRead(node_, selection_, options, sink, whenDone); });
  return future;
}

Shape View::readConverted(NativeType type, void* target, std::size_t capacity, const ReadOptions& options) const {
  if (auto known = node_->knownInfo(); known && known->dataset) {
    // An empty conversion tells whether the types go together.
    convert(detail::typeOfRead(*known, options), nullptr, 0, {}, type, target);
  }
  PackedElements packed = View(node_, detail::fixedToKnown(*node_, selection_)).readPacked(options);
  std::uint64_t count = elementCount(packed.shape);
  if (count > capacity) {
    throw BadSelection("the selection has " + std::to_string(count) + " elements, and the target room for " +
                       std::to_string(capacity));
  }
  convert(packed.type, packed.elements.data(), count, packed.heap, type, target);
  return packed.shape;
}

}  // namespace h5cap
