#include "client/src/open/kept-snapshot.h"

#include <capnp/message.h>
#include <capnp/serialize.h>

#include <algorithm>
#include <cstring>
#include <exception>

#include "core/wire-checks.h"
#include "core/wire.h"

namespace h5cap::detail {

namespace {

// The version's size in bytes, then the version, filled up to whole words; the message follows.
constexpr std::size_t WORD = sizeof(capnp::word);

std::uint64_t paddedTo(std::uint64_t size) { return (size + WORD - 1) / WORD * WORD; }

}  // namespace

Bytes bytesOf(const Version& version, rpc::Snapshot::Reader snapshot) {
  capnp::MallocMessageBuilder message(snapshot.totalSize().wordCount + 8);
  message.setRoot(snapshot);
  auto words = capnp::messageToFlatArray(message);
  const std::uint64_t size = version.size();
  Bytes bytes(sizeof size + paddedTo(size));
  std::memcpy(bytes.data(), &size, sizeof size);
  std::copy(version.begin(), version.end(), bytes.begin() + sizeof size);
  auto* from = reinterpret_cast<const std::byte*>(words.asBytes().begin());
  bytes.insert(bytes.end(), from, from + words.asBytes().size());
  return bytes;
}

std::shared_ptr<const KeptSnapshot> tryReadSnapshot(const Bytes& bytes) {
  std::uint64_t size = 0;
  if (bytes.size() < sizeof size) return nullptr;
  std::memcpy(&size, bytes.data(), sizeof size);
  const std::uint64_t rest = bytes.size() - sizeof size;
  if (size > rest || paddedTo(size) > rest) return nullptr;
  auto kept = std::make_shared<KeptSnapshot>();
  auto* version = bytes.data() + sizeof size;
  kept->version.assign(version, version + size);
  auto words = kj::heapArray<capnp::word>((rest - paddedTo(size)) / WORD);
  std::memcpy(words.begin(), version + paddedTo(size), words.asBytes().size());
  capnp::ReaderOptions limits;
  limits.traversalLimitInWords = rpc::MAX_MESSAGE_WORDS;
  try {
    capnp::FlatArrayMessageReader message(words, limits);
    auto nodes = wire::counted<rpc::NodeInfo>(message.getRoot<rpc::Snapshot>().getNodes());
    for (auto node : nodes) kept->nodes.push_back(wire::read(node));
    return kept;
  } catch (const std::exception&) {
    return nullptr;
  } catch (const kj::Exception&) {
    return nullptr;
  }
}

}  // namespace h5cap::detail
