// Values made of bytes, so that whoever mutates the bytes mutates values: small numbers mostly, and those on an edge.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "h5cap/data-type.h"
#include "h5cap/node.h"
#include "h5cap/selection.h"
#include "h5cap/shape.h"

namespace h5cap::fuzz {

class FromBytes {
 public:
  FromBytes(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

  bool isAtEnd() const { return size_ == 0; }

  // Zero behind the end.
  std::uint8_t byte();
  std::uint64_t raw64();

  // From 0 to `most`, which is below 256.
  unsigned upTo(unsigned most) { return byte() % (most + 1); }
  bool flag() { return (byte() & 1) != 0; }

  // An extent, an offset or a count.
  std::uint64_t number();

  std::string text();
  std::span<const std::byte> take(std::size_t most);
  std::span<const std::byte> rest() { return take(size_); }

  // The first bytes, apart: what follows stays where it is, whatever they are used for.
  FromBytes split(std::size_t most) {
    auto first = take(most);
    return {reinterpret_cast<const std::uint8_t*>(first.data()), first.size()};
  }
  const std::uint8_t* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
};

Shape shape(FromBytes& from, unsigned mostAxes);
Selection selection(FromBytes& from);
DataType type(FromBytes& from, unsigned depth = 0);  // its parts lie within
Hyperslab hyperslab(FromBytes& from, unsigned mostAxes);
VirtualSource virtualSource(FromBytes& from);
Attribute attribute(FromBytes& from);
Link link(FromBytes& from);
NodeInfo node(FromBytes& from);

}  // namespace h5cap::fuzz
