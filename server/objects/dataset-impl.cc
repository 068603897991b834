#include "server/objects/dataset-impl.h"

#include <capnp/orphan.h>

#include "server/reading/dataset-reader.h"
#include "server/reading/virtual-extent.h"

namespace h5cap {
namespace {

using ReadContext = capnp::CallContext<rpc::Dataset::ReadParams, rpc::ReadReply>;

// Elements are put where the reply message has them, so nothing copies them again.  The lease is held until the call is
// over; from then on the message stands in the connection's queue, which counts against the same budget.
class ReplySpace final : public ElementSpace {
 public:
  ReplySpace(ConnectionState& connection, ReadContext context)
      : connection_(kj::addRef(connection)), context_(context) {}
  ~ReplySpace() noexcept(false) {
    if (connectionLease_.get() != nullptr) connection_->giveBackLater(kj::mv(connectionLease_));
    if (serverLease_.get() != nullptr) connection_->giveBackLater(kj::mv(serverLease_));
  }

  kj::Promise<std::span<std::byte>> reserve(std::size_t bytes) override {
    connectionLease_ = nullptr;
    serverLease_ = nullptr;
    return connection_->replyBytes->take(bytes)
        .then([this, bytes](kj::Own<Quota::Lease> lease) {
          connectionLease_ = kj::mv(lease);
          return connection_->server.replyBytes->take(bytes);
        })
        .then([this, bytes](kj::Own<Quota::Lease> lease) {
          serverLease_ = kj::mv(lease);
          auto results = context_.getResults(capnp::MessageSize{bytes / sizeof(capnp::word) + headWords, 0});
          elements_ = capnp::Orphanage::getForMessageContaining(results).newOrphan<capnp::Data>(bytes);
          auto data = elements_.get();
          return std::as_writable_bytes(std::span(data.begin(), data.size()));
        });
  }

  capnp::Orphan<capnp::Data> elements() { return kj::mv(elements_); }

 private:
  static constexpr std::uint64_t headWords = 64;

  kj::Own<ConnectionState> connection_;
  ReadContext context_;
  kj::Own<Quota::Lease> connectionLease_, serverLease_;  // none before the first reserve()
  capnp::Orphan<capnp::Data> elements_;
};

kj::ArrayPtr<const std::uint64_t> asArray(const Shape& shape) { return {shape.data(), shape.size()}; }

void writeReply(const ReadResult& result, ReplySpace& space, rpc::ReadReply::Builder reply) {
  reply.setObjectId(result.objectId);
  reply.setVersion(wire::asData(result.version));
  reply.setStability(wire::asStability(result.stability));
  reply.setShape(asArray(result.shape));
  reply.setSelected(asArray(result.selected));
  reply.setFirst(result.first);
  reply.setCount(result.count);
  if (result.next) reply.initNext().setElement(*result.next);
  if (result.isUnchanged)
    reply.setUnchanged();
  else if (result.fill)
    reply.setFill(wire::asData(*result.fill));
  else
    reply.adoptPacked(space.elements());
  if (!result.heap.empty()) reply.setHeap(wire::asData(result.heap));
  if (!result.missingSources.empty()) {
    auto names = reply.initMissingSources(result.missingSources.size());
    for (std::size_t i = 0; i < result.missingSources.size(); ++i) names.set(i, result.missingSources[i].c_str());
  }
}

ReadRequest readRequest(rpc::Dataset::ReadParams::Reader params) {
  auto options = params.getOptions();
  if (options.hasReduction()) raiseKj(ErrorCode::unimplemented, "reductions are not served yet");
  if (options.getCursor().getByte() != 0) raiseKj(ErrorCode::unimplemented, "byte cursors are not served yet");
  ReadRequest request;
  request.selection = wire::read(params.getSelection());
  for (auto name : options.getFields()) request.fields.emplace_back(name.begin(), name.size());
  request.replyBytes = options.getReplyBytes();
  request.firstElement = options.getCursor().getElement();
  request.ifVersion = wire::readBytes(options.getIfVersion());
  request.knownVersion = wire::readBytes(options.getKnownVersion());
  if (options.getMissingSources() == rpc::MissingSources::RAISE) request.absentSources = AbsentSources::raise;
  return request;
}

}  // namespace

kj::Promise<void> DatasetImpl::read(ReadContext context) {
  context.allowCancellation();
  auto request = readRequest(context.getParams());
  const std::uint32_t deadlineMs = context.getParams().getOptions().getDeadlineMs();
  context.releaseParams();
  const auto longest = session().server.limits.readTime;
  const auto limit = deadlineMs == 0 ? longest : std::min(longest, std::chrono::milliseconds(deadlineMs));

  auto& connection = *session().connection;
  auto space = kj::heap<ReplySpace>(connection, context);
  auto reading =
      connection.reads->take(1)
          .then([place = place().clone(), request = kj::mv(request), &space = *space,
                 context](kj::Own<Quota::Lease> turn) mutable {
            return readDataset(kj::mv(place), kj::mv(request), space)
                .then([&space, context](ReadResult result) mutable {
                  writeReply(result, space, context.getResults());
                })
                .attach(kj::mv(turn));
          });
  auto late = session().server.timer.afterDelay(limit.count() * kj::MILLISECONDS)
                  .then([text = place().text()]() -> void {
                    raiseKj(ErrorCode::deadline, text + ": the time allowed for this read has passed");
                  });
  return reading.exclusiveJoin(kj::mv(late)).attach(kj::mv(space));
}

kj::Promise<void> DatasetImpl::missingSources(MissingSourcesContext context) {
  context.allowCancellation();
  return findNode(place().clone())
      .then([](FoundNode found) {
        auto& version = *found.version;
        return version.storage(found.info->id)
            .then([found = kj::mv(found)](std::shared_ptr<const Storage> storage) mutable {
              return findMissingSources(kj::mv(found.place), std::move(storage));
            });
      })
      .then([context](std::vector<std::string> names) mutable {
        auto list = context.getResults().initNames(names.size());
        for (std::size_t i = 0; i < names.size(); ++i) list.set(i, names[i].c_str());
      });
}

}  // namespace h5cap
