// What the parts of wire.cc share: small checked translations.
#pragma once

#include <capnp/blob.h>
#include <capnp/list.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "h5cap/error.h"
#include "h5cap/shape.h"

namespace h5cap::wire {

// A FileError (fileProblem): `what` came from the other side.
[[noreturn]] void invalid(const std::string& what);

void checkRank(std::size_t rank);

std::string readText(capnp::Text::Reader reader);
capnp::Text::Reader asText(const std::string& text);  // refers to `text`

// `size` as Cap'n Proto counts; FileError (tooLarge) where it cannot.
unsigned listSize(std::size_t size);

void writeShape(const Shape& shape, capnp::List<std::uint64_t>::Builder builder);

// An enumerant from the wire, which may be one that this program does not know.
template <class Ours, class Theirs>
Ours readEnum(Theirs value, Ours last, const char* what) {
  auto number = static_cast<std::uint16_t>(value);
  if (number > static_cast<std::uint16_t>(last)) throw Unimplemented(std::string("an unknown ") + what);
  return static_cast<Ours>(number);
}

}  // namespace h5cap::wire
