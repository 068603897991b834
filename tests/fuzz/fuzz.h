// What the fuzzing targets share.
//
// A target is a function over bytes: it gives them to the real code as a hostile peer, file or planner might, uses what
// was accepted, and insists on what must hold.  Refusing is always right, with a typed error; anything else ends the
// program.  tools/fuzz runs targets with libFuzzer (clang), and ctest replays what is in tests/fuzz/corpus.
#pragma once

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/exception.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <vector>

#include "core/wire.h"
#include "h5cap/error.h"

namespace h5cap::fuzz {

// Ends the program unless `condition` holds.
inline void insist(bool condition, const char* promise) {
  if (condition) return;
  std::fprintf(stderr, "this does not hold: %s\n", promise);
  std::abort();
}

// Runs `use`; false when it refused with a typed error.  Others are not caught.
template <class Use>
bool accepts(Use use) {
  try {
    use();
    return true;
  } catch (const Error&) {
  } catch (const kj::Exception&) {
  }
  return false;
}

// Runs `use`, which may not refuse.
template <class Use>
void insistAccepted(Use use, const char* promise) {
  try {
    return use();
  } catch (const Error& refusal) {
    std::fprintf(stderr, "%s\n", refusal.what());
  } catch (const kj::Exception& refusal) {
    std::fprintf(stderr, "%s\n", refusal.getDescription().cStr());
  }
  insist(false, promise);
}

// Bytes as a message, which is read as a planner's or a server's would be.
class Message {
 public:
  Message(const std::uint8_t* data, std::size_t size)
      : words_(kj::heapArray<capnp::word>(size / sizeof(capnp::word))), reader_(filled(data), options()) {}

  template <class Root>
  typename Root::Reader root() {
    return reader_.getRoot<Root>();
  }

 private:
  kj::ArrayPtr<const capnp::word> filled(const std::uint8_t* data) {
    std::copy_n(data, words_.asBytes().size(), words_.asBytes().begin());
    return words_;
  }
  static capnp::ReaderOptions options() {
    capnp::ReaderOptions options;
    options.traversalLimitInWords = 1 << 16;  // so that nothing grows much beyond its input
    return options;
  }

  kj::Array<capnp::word> words_;
  capnp::FlatArrayMessageReader reader_;
};

// A value as the other side receives it, if it does.
template <class Struct, class Value>
Value received(const Value& value) {
  capnp::MallocMessageBuilder message;
  auto written = message.initRoot<Struct>();
  wire::write(value, written);
  return wire::read(written.asReader());
}

// What was accepted can be written, and read back as the same.
template <class Struct, class Value>
void insistSurvives(const Value& value) {
  insistAccepted(
      [&] {
        capnp::MallocMessageBuilder first, second;
        auto written = first.initRoot<Struct>();
        wire::write(value, written);
        Value again = wire::read(written.asReader());
        wire::write(again, second.initRoot<Struct>());
        auto a = capnp::messageToFlatArray(first), b = capnp::messageToFlatArray(second);
        insist(a.asBytes() == b.asBytes(), "what is written is read as the same");
      },
      "what was read can be written and read again");
}

}  // namespace h5cap::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
