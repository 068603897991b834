// Answers of a planner that a file may have taken over: read as planner-pool and versions read them, counted as the
// caches count, written again, and made plans of.
#include <algorithm>

#include "core/footprint.h"
#include "core/plan/stored-plan.h"
#include "core/type-digest.h"
#include "from-bytes.h"
#include "fuzz.h"

using namespace h5cap;
using namespace h5cap::fuzz;

namespace {

using Reply = rpc::PlannerReply;

void use(const DataType& type) {
  insistSurvives<rpc::DataType>(type);
  insist(!describe(type).empty(), "every type can be named");
  insist(digestOf(type) == digestOf(DataType(type)) && type == DataType(type), "a copy is the same");
  type.hasVariable();
  type.unsupportedReason();
  type.isBoolean();
}

void use(const Attribute& attribute) {
  insistSurvives<rpc::Attribute>(attribute);
  use(attribute.type);
}

void use(const Storage& storage) {
  insistSurvives<rpc::Storage>(storage);
  insist(footprint(storage) > 0, "a cache counts what it holds");
  // Of a dataset that it may not fit at all.
  for (const Shape& shape : {Shape{}, Shape{7}, Shape{3, 1ull << 40}, Shape{unlimited, 5}}) {
    for (Layout layout : {Layout::chunked, Layout::virtualMapping, Layout::external}) {
      accepts([&] {
        NodeInfo node;
        node.dataset.emplace();
        node.dataset->type = DataType(4, IntegerType{true, ByteOrder::little, 32, 0});
        node.dataset->layout = layout;
        auto dataset = plannedDataset(0, node, shape, std::make_shared<const Storage>(storage));
        if (std::holds_alternative<ChunkedStorage>(storage))
          chunksOf(*dataset, *Resolved(Selection(), shape).region());
        if (std::holds_alternative<ExternalStorage>(storage)) {
          std::vector<RawFilesRead> reads;
          planRawFiles(dataset, *Resolved(Selection(), shape).region(), reads, 64);
          for (const auto& read : reads) insist(read.slots.size() <= 64, "raw files are counted");
        }
      });
    }
  }
}

void use(const NodeInfo& node) {
  insistSurvives<rpc::NodeInfo>(node);
  insist(footprint(node) > 0, "a cache counts what it holds");
  if (node.type) use(*node.type);
  for (const auto& attribute : node.attributes) use(attribute);
  if (node.dataset) {
    use(node.dataset->type);
    for (const auto& source : node.dataset->virtualSources) insistSurvives<rpc::VirtualSource>(source);
  }
}

void use(rpc::Resolution::Reader resolved) {
  switch (resolved.which()) {
    case rpc::Resolution::NODE:
      return use(wire::read(resolved.getNode()));
    case rpc::Resolution::LINK:
      return insistSurvives<rpc::Link>(wire::read(resolved.getLink()));
    case rpc::Resolution::EXTERNAL:
      resolved.getExternal().getFile();
      resolved.getExternal().getPath();
      resolved.getExternal().getRest();
      return;
    case rpc::Resolution::MISSING:
      resolved.getMissing();
  }
}

void use(Reply::Reader reply) {
  switch (reply.which()) {
    case Reply::ERROR:
      wire::toKj(wire::read(reply.getError()).code, wire::read(reply.getError()).message);
      break;
    case Reply::OPENED:
      insistSurvives<rpc::FileInfo>(wire::read(reply.getOpened()));
      break;
    case Reply::SNAPSHOT:
      for (auto node : reply.getSnapshot().getNodes()) use(wire::read(node));
      break;
    case Reply::RESOLVED:
      use(reply.getResolved());
      break;
    case Reply::NODE:
      use(wire::read(reply.getNode()));
      break;
    case Reply::LINKS:
      for (auto link : reply.getLinks().getPage()) insistSurvives<rpc::Link>(wire::read(link));
      break;
    case Reply::ATTRIBUTES:
      for (auto attribute : reply.getAttributes().getAttributePage()) use(wire::read(attribute));
      break;
    case Reply::ATTRIBUTE:
      use(wire::read(reply.getAttribute()));
      break;
    case Reply::STORAGE:
      use(wire::read(reply.getStorage()));
      break;
    case Reply::CHUNKS:
      for (auto chunk : reply.getChunks()) insistSurvives<rpc::ChunkExtent>(wire::read(chunk));
      break;
    case Reply::DEREFERENCED:
      use(wire::read(reply.getDereferenced().getTarget()));
      insistSurvives<rpc::HyperslabSelection>(wire::read(reply.getDereferenced().getStored()));
      break;
    case Reply::ATTRIBUTE_PART:
      use(wire::read(reply.getAttributePart().getPartOf()));
      break;
    case Reply::ELEMENTS:
    case Reply::PART:
    case Reply::REFRESHED:
      break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  accepts([&] {
    Message message(data, size);
    use(message.root<Reply>());
  });
  return 0;
}
