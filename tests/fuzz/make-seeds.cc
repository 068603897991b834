// Writes what fuzzing begins with, for targets that random bytes do not get far into: messages as our own code writes
// them, chunks as filters wrote them.  fuzz-seeds FOLDER: one folder a target, one file a seed.
#include <capnp/rpc.capnp.h>
#include <h5cap/objects.capnp.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>

#include "from-bytes.h"
#include "fuzz.h"
#include "tests/cpp/core/golden-chunks-newer.h"

using namespace h5cap;
using namespace h5cap::fuzz;

namespace {

constexpr int EACH = 30;  // of every kind; tools/fuzz --merge keeps what differs

class Seeds {
 public:
  Seeds(const std::filesystem::path& folder, const char* target) : folder_(folder / target) {
    std::filesystem::create_directories(folder_);
  }

  void add(const std::string& bytes) {
    std::ofstream(folder_ / ("seed-" + std::to_string(++count_)), std::ios::binary) << bytes;
  }

  // Values are made of it.
  std::string random(std::size_t size) {
    std::string bytes;
    for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(random_());
    return bytes;
  }

 private:
  std::filesystem::path folder_;
  std::minstd_rand random_{515};
  int count_ = 0;
};

FromBytes over(const std::string& bytes) {
  return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

template <class Struct, class Fill>
std::string message(Fill fill) {
  capnp::MallocMessageBuilder builder;
  fill(builder.initRoot<Struct>());
  auto words = capnp::messageToFlatArray(builder);
  return {words.asChars().begin(), words.asChars().size()};
}

std::string text(const Bytes& bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

void plannerAnswers(const std::filesystem::path& folder) {
  using Reply = rpc::PlannerReply;
  Seeds seeds(folder, "planner-answers");
  auto add = [&](auto fill) {
    for (int i = 0; i < EACH; ++i) {
      const std::string bytes = seeds.random(200);
      FromBytes from = over(bytes);
      seeds.add(message<Reply>([&](Reply::Builder to) { fill(from, to); }));
    }
  };
  add([](FromBytes& from, Reply::Builder to) { wire::write(node(from), to.initNode()); });
  add([](FromBytes& from, Reply::Builder to) { wire::write(node(from), to.initSnapshot().initNodes(1)[0]); });
  add([](FromBytes& from, Reply::Builder to) { wire::write(node(from), to.initResolved().initNode()); });
  add([](FromBytes& from, Reply::Builder to) { wire::write(attribute(from), to.initAttribute()); });
  add([](FromBytes& from, Reply::Builder to) { wire::write(link(from), to.initLinks().initPage(1)[0]); });
  add([](FromBytes& from, Reply::Builder to) {
    auto found = to.initDereferenced();
    wire::write(node(from), found.initTarget());
    wire::write(hyperslab(from, 3), found.initStored());
  });
  add([](FromBytes& from, Reply::Builder to) {
    wire::write(Storage{VirtualStorage{{virtualSource(from), virtualSource(from)}}}, to.initStorage());
  });
  add([](FromBytes& from, Reply::Builder to) {
    ChunkedStorage chunked{shape(from, 3), {{1, 0, from.text(), {from.byte()}}}, from.flag()};
    wire::write(Storage{chunked}, to.initStorage());
  });
  add([](FromBytes& from, Reply::Builder to) {
    ExternalStorage external{{{from.text(), from.number(), from.number()}, {from.text(), from.number(), unlimited}}};
    wire::write(Storage{external}, to.initStorage());
  });
  add([](FromBytes& from, Reply::Builder to) {
    auto chunks = to.initChunks(3);
    for (auto chunk : chunks) wire::write(ChunkExtent{from.number(), from.number(), 0}, chunk);
  });
  add([](FromBytes& from, Reply::Builder to) {
    wire::write(ErrorText{ErrorCode::notFound, from.text()}, to.initError());
  });
}

void selections(const std::filesystem::path& folder) {
  Seeds seeds(folder, "selections");
  for (int i = 0; i < EACH * 3; ++i) {
    const std::string bytes = seeds.random(60);
    FromBytes from = over(bytes);
    seeds.add('\0' + seeds.random(64) + message<rpc::Selection>([&](auto to) { wire::write(selection(from), to); }));
    seeds.add('\1' + seeds.random(100));
  }
}

void replies(const std::filesystem::path& folder) {
  Seeds seeds(folder, "replies");
  for (int i = 0; i < EACH * 3; ++i) {
    const std::string question = seeds.random(32);
    FromBytes first = over(question);
    const std::size_t size = type(first).size();
    if (size > 64) continue;
    seeds.add('\2' + question + message<rpc::ReadReply>([&](rpc::ReadReply::Builder to) {
                to.setCount(1);
                const Bytes element(size);
                i % 2 == 0 ? to.setPacked(wire::asData(element)) : to.setFill(wire::asData(element));
              }));
    seeds.add('\1' + seeds.random(150));
    seeds.add('\0' + seeds.random(40));
  }
}

void snapshots(const std::filesystem::path& folder) {
  Seeds seeds(folder, "snapshots");
  for (int i = 0; i < EACH * 2; ++i) {
    const std::string bytes = seeds.random(300);
    FromBytes from = over(bytes);
    const std::string snapshot = message<rpc::Snapshot>([&](rpc::Snapshot::Builder to) {
      auto nodes = to.initNodes(3);
      for (auto item : nodes) wire::write(node(from), item);
    });
    seeds.add('\0' + bytes);
    seeds.add('\1' + seeds.random(16) + snapshot);
    seeds.add('\2' + seeds.random(16) + std::string("\3\0\0\0\0\0\0\0abc\0\0\0\0\0", 16) + snapshot);
  }
}

void messages(const std::filesystem::path& folder) {
  using Message = capnp::rpc::Message;
  Seeds seeds(folder, "messages");
  for (int i = 0; i < EACH; ++i) {
    const std::string bytes = seeds.random(60);
    FromBytes from = over(bytes);
    const std::string bootstrap = message<Message>([](Message::Builder to) { to.initBootstrap(); });
    const std::string call = message<Message>([&](Message::Builder to) {
      auto begun = to.initCall();
      begun.setInterfaceId(capnp::typeId<rpc::Dataset>());
      begun.initTarget().initPromisedAnswer().initTransform(2);
      auto read = begun.initParams().initContent().initAs<rpc::Dataset::ReadParams>();
      wire::write(selection(from), read.initSelection());
    });
    const std::string failed = message<Message>([&](Message::Builder to) {
      to.initReturn().initException().setReason("[notFound] " + from.text());
    });
    const std::string finish = message<Message>([](Message::Builder to) { to.initFinish(); });
    seeds.add(seeds.random(16) + bootstrap + call + finish);
    seeds.add(seeds.random(16) + failed + seeds.random(16));
  }
  seeds.add(seeds.random(16) + "GET / HTTP/1.1\r\n\r\n");
}

// As FromBytes::number reads it.
std::string number(std::uint64_t value) {
  if (value < 12) return std::string(1, static_cast<char>(value));
  return '\xf8' + std::string(reinterpret_cast<const char*>(&value), sizeof value);
}

void decoders(const std::filesystem::path& folder) {
  const std::vector<std::uint32_t> known = {1,     2,     3,     307,   32000, 32001, 32004,
                                            32008, 32015, 32026, 32013, 32012, 32018};  // as in decoders.cc
  Seeds seeds(folder, "decoders");
  std::vector<GoldenChunk> chunks = GOLDEN_CHUNKS;
  chunks.insert(chunks.end(), NEWER_GOLDEN_CHUNKS.begin(), NEWER_GOLDEN_CHUNKS.end());
  for (const auto& chunk : chunks) {
    std::string seed(1, static_cast<char>(chunk.filters.size() - 1));
    for (const auto& filter : chunk.filters) {
      seed += static_cast<char>(std::find(known.begin(), known.end(), filter.id) - known.begin());
      seed += static_cast<char>(filter.parameters.size());
      for (auto parameter : filter.parameters) seed += number(parameter);
    }
    seed += number(chunk.filterMask);
    const std::uint64_t size = GOLDEN_COUNT * chunk.elementBytes;
    seed += std::string(reinterpret_cast<const char*>(&size), sizeof size) + number(chunk.elementBytes);
    Bytes stored;
    for (std::size_t i = 0; i + 1 < chunk.hex.size(); i += 2)
      stored.push_back(static_cast<std::byte>(std::stoi(std::string(chunk.hex.substr(i, 2)), nullptr, 16)));
    seeds.add(seed + text(stored));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  plannerAnswers(argv[1]);
  selections(argv[1]);
  replies(argv[1]);
  snapshots(argv[1]);
  messages(argv[1]);
  decoders(argv[1]);
  for (const char* target : {"plans", "tickets"}) {
    Seeds seeds(argv[1], target);
    for (int i = 0; i < EACH * 4; ++i) seeds.add(seeds.random(120));
  }
}
