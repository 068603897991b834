#include "server/objects/dataset-impl.h"

#include <capnp/orphan.h>

#include <algorithm>

#include "server/reading/dataset-reader.h"
#include "server/reading/virtual-extent.h"
#include "server/session/reply-room.h"

namespace h5cap {
namespace {

using ReadContext = capnp::CallContext<rpc::Dataset::ReadParams, rpc::ReadReply>;

// Elements are put where the reply message has them, so nothing copies them again.
class ReplySpace final : public ElementSpace {
 public:
  ReplySpace(Caller& caller, ReadContext context) : room_(caller), context_(context) {}

  kj::Promise<std::span<std::byte>> reserve(std::size_t bytes) override {
    return room_.reserve(bytes).then([this, bytes] {
      auto results = context_.getResults(capnp::MessageSize{bytes / sizeof(capnp::word) + headWords, 0});
      elements_ = capnp::Orphanage::getForMessageContaining(results).newOrphan<capnp::Data>(bytes);
      auto data = elements_.get();
      return std::as_writable_bytes(std::span(data.begin(), data.size()));
    });
  }

  bool standAside() override {
    if (!room_.standAside()) return false;
    elements_ = capnp::Orphan<capnp::Data>();
    return true;
  }

  capnp::Orphan<capnp::Data> elements() { return kj::mv(elements_); }

 private:
  static constexpr std::uint64_t headWords = 64;

  ReplyRoom room_;
  ReadContext context_;
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
  if (result.next) {
    reply.initNext().setElement(result.next->element);
    reply.getNext().setByte(result.next->byte);
  }
  if (std::holds_alternative<KnownElements>(result.body))
    reply.setUnchanged();
  else if (auto* same = std::get_if<SameElement>(&result.body))
    reply.setFill(wire::asData(same->element));
  else if (auto* part = std::get_if<PartOfElement>(&result.body)) {
    auto data = reply.initPart();
    data.setFirst(part->first);
    data.setTotal(part->total);
    data.adoptBytes(space.elements());
  } else
    reply.adoptPacked(space.elements());
  reply.setTypeDigest(result.typeDigest);
  if (!result.sources.empty()) reply.setSources(wire::asData(result.sources));
  if (!result.heap.empty()) reply.setHeap(wire::asData(result.heap));
  if (!result.missingSources.empty()) {
    auto names = reply.initMissingSources(result.missingSources.size());
    for (std::size_t i = 0; i < result.missingSources.size(); ++i) names.set(i, result.missingSources[i].c_str());
  }
}

ReadRequest readRequest(const Caller& caller, rpc::Dataset::ReadParams::Reader params) {
  auto options = params.getOptions();
  if (options.hasReduction()) raiseKj(ErrorCode::unimplemented, "reductions are not served yet");
  ReadRequest request{.owner = caller.owner()};
  request.selection = wire::read(params.getSelection());
  for (auto name : options.getFields()) request.fields.emplace_back(name.begin(), name.size());
  const std::uint64_t wanted = options.getReplyBytes() == 0 ? rpc::DEFAULT_REPLY_BYTES : options.getReplyBytes();
  request.replyBytes = std::min(wanted, caller.server.limits.bytesInOneReply);
  request.firstElement = options.getCursor().getElement();
  request.firstByte = options.getCursor().getByte();
  for (rpc::Form form : options.getForms()) request.takesParts = request.takesParts || form == rpc::Form::PARTS;
  request.ifVersion = wire::readBytes(options.getIfVersion());
  request.ifSources = wire::readBytes(options.getIfSources());
  request.knownVersion = wire::readBytes(options.getKnownVersion());
  if (options.getMissingSources() == rpc::MissingSources::RAISE) request.absentSources = AbsentSources::raise;
  return request;
}

}  // namespace

kj::Promise<void> DatasetImpl::read(ReadContext context) {
  context.allowCancellation();
  Caller& caller = asking().caller;
  auto request = readRequest(caller, context.getParams());
  context.releaseParams();
  auto space = kj::heap<ReplySpace>(caller, context);
  auto reading = readDataset(place().clone(), kj::mv(request), *space);
  return reading
      .then([&space = *space, context](ReadResult result) mutable { writeReply(result, space, context.getResults()); })
      .attach(kj::mv(space));
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
