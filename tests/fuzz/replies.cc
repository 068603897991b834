// Replies to reads, in the client: what a server says of elements, their number, their places and their heap is put
// into a result of a certain size, or refused.
#include <algorithm>

#include "client/src/reading/parts.h"
#include "client/src/reading/reply.h"
#include "from-bytes.h"
#include "fuzz.h"

using namespace h5cap;
using namespace h5cap::fuzz;

namespace {

constexpr std::uint64_t MOST_ELEMENTS = 512;
constexpr std::uint32_t MOST_TYPE_BYTES = 4096;

// Where the tile of a read goes in its result; both as large as the client made them.
struct Question {
  DataType type;
  Shape counts;
  Shape resultShape;
  std::vector<Positions> inResult;

  explicit Question(FromBytes& from) : type(fuzz::type(from)) {
    if (type.size() > MOST_TYPE_BYTES) throw BadType("an element that is too large for many of them");
    std::uint64_t total = 1;
    for (unsigned n = from.upTo(3); n > 0; --n) {
      const std::uint64_t count = from.upTo(5), step = 1 + from.upTo(2), start = from.upTo(3);
      std::uint64_t extent = start + (count == 0 ? 0 : (count - 1) * step) + 1 + from.upTo(1);
      if (count > 0 && start == 0 && step == 1 && from.flag()) extent = count;
      Positions positions{start, step, count, {}, false};
      if (count > 0 && from.upTo(3) == 0) {
        for (std::uint64_t i = 0; i < count; ++i) positions.indices.push_back(from.upTo(255) % extent);
      }
      if ((total *= extent) > MOST_ELEMENTS) return;
      counts.push_back(count);
      resultShape.push_back(extent);
      inResult.push_back(std::move(positions));
    }
  }
};

void receive(rpc::ReadReply::Reader message, const Question& question) {
  const detail::Reply reply = detail::readReply(message, question.type);
  const detail::ElementRun run = detail::runOf(reply.body);
  const std::uint64_t total = elementCount(question.counts);
  detail::Parts parts(total);
  parts.add(run);
  insist(run.count <= total && run.first <= total - run.count, "elements that were asked for");
  Bytes result(elementCount(question.resultShape) * question.type.size());
  Heap heap(1 << 20);
  detail::place(reply.body, question.type, question.counts, question.inResult, result, question.resultShape, heap);
  std::uint64_t boxed = 0;
  for (const auto& box : detail::boxesOf(question.counts, run)) {
    std::uint64_t count = 1;
    for (const auto& positions : box) count *= positions.count;
    boxed += count;
  }
  insist(boxed == run.count, "boxes are the whole run");
  // What places lead to is all there: it can be taken along once more.
  if (run.count == 0) return;
  insistAccepted([&] { Heap().append(question.type, result, heap.bytes()); }, "places lead into the heap");
}

void writeReply(FromBytes& from, const Question& question, rpc::ReadReply::Builder to) {
  to.setFirst(from.number());
  to.setCount(from.number());
  if (from.flag()) to.initNext().setElement(from.number());
  const auto heap = from.take(from.upTo(64));
  to.setHeap(kj::arrayPtr(reinterpret_cast<const kj::byte*>(heap.data()), heap.size()));
  const bool isFill = from.flag();
  const std::uint64_t count = isFill ? 1 : std::min<std::uint64_t>(to.getCount(), MOST_ELEMENTS);
  auto elements = from.take(count * question.type.size());
  Bytes all(elements.begin(), elements.end());
  if (from.upTo(7) != 0) all.resize(count * question.type.size());
  if (isFill) {
    to.setFill(wire::asData(all));
  } else {
    to.setPacked(wire::asData(all));
  }
}

// Runs in any order, over and over: counted once each.
void arrive(FromBytes& from) {
  detail::Parts parts(from.number());
  std::uint64_t here = 0;
  for (int i = 0; i < 12; ++i) {
    const detail::ElementRun run{from.number(), from.number()};
    if (accepts([&] { parts.add(run); })) here += run.count;
    std::uint64_t missing = 0;
    for (auto gap : parts.gaps()) missing += gap.count;
    insist(here <= parts.total() && missing == parts.total() - here, "gaps are what is missing");
    insist(parts.isComplete() == (missing == 0), "all is here when nothing is missing");
    if (missing > 0) insist(parts.firstGap().first == parts.gaps().front().first, "the first gap is the first");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FromBytes from(data, size);
  switch (from.upTo(2)) {
    case 0:
      arrive(from);
      break;
    case 1:
      accepts([&] {
        const Question question(from);
        capnp::MallocMessageBuilder message;
        auto reply = message.initRoot<rpc::ReadReply>();
        writeReply(from, question, reply);
        receive(reply.asReader(), question);
      });
      break;
    default: {
      FromBytes first = from.split(32);
      accepts([&] { receive(Message(from.data(), from.size()).root<rpc::ReadReply>(), Question(first)); });
    }
  }
  return 0;
}
