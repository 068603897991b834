// Snapshots in the client: nodes as a server, or a file of the cache, tells them, with circles and nonsense, are walked
// to an end.
#include "client/src/open/kept-snapshot.h"
#include "client/src/open/snapshot-index.h"
#include "from-bytes.h"
#include "fuzz.h"

using namespace h5cap;
using namespace h5cap::fuzz;

namespace {

void walk(std::vector<NodeInfo> nodes, FromBytes paths) {
  const detail::SnapshotIndex index(std::move(nodes));
  index.find("/");
  std::string path;
  for (int i = 0; i < 4; ++i) {
    path = detail::joinPath(path, paths.text());
    for (const auto& part : detail::components(path)) {
      insist(!part.empty() && part != "." && part.find('/') == std::string::npos, "a component is one name");
    }
    index.find(path);
  }
}

// What was kept is read as it was.
void keep(rpc::Snapshot::Reader snapshot, std::size_t count) {
  const Version version(3, std::byte{7});
  auto kept = detail::tryReadSnapshot(detail::bytesOf(version, snapshot));
  insist(kept && kept->version == version && kept->nodes.size() == count, "a snapshot is kept as it came");
}

void made(FromBytes from) {
  std::vector<NodeInfo> nodes;
  for (unsigned n = 1 + from.upTo(4); n > 0; --n) nodes.push_back(received<rpc::NodeInfo>(node(from)));
  capnp::MallocMessageBuilder message;
  auto snapshot = message.initRoot<rpc::Snapshot>();
  auto list = snapshot.initNodes(static_cast<unsigned>(nodes.size()));
  for (unsigned i = 0; i < list.size(); ++i) wire::write(nodes[i], list[i]);
  keep(snapshot.asReader(), nodes.size());
  walk(std::move(nodes), from);
}

void received(FromBytes from) {
  const FromBytes paths = from.split(16);
  Message message(from.data(), from.size());
  std::vector<NodeInfo> nodes;
  for (auto node : message.root<rpc::Snapshot>().getNodes()) nodes.push_back(wire::read(node));
  walk(std::move(nodes), paths);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FromBytes from(data, size);
  switch (from.upTo(2)) {
    case 0:
      accepts([&] { made(from); });
      break;
    case 1:
      accepts([&] { received(from); });
      break;
    default: {
      const FromBytes paths = from.split(16);
      const auto rest = from.rest();
      accepts([&] {
        if (auto kept = detail::tryReadSnapshot(Bytes(rest.begin(), rest.end()))) walk(kept->nodes, paths);
      });
    }
  }
  return 0;
}
