// What the parts of wire.cc share: small checked translations.
#pragma once

#include <capnp/any.h>
#include <capnp/blob.h>
#include <capnp/list.h>
#include <h5cap/types.capnp.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "h5cap/error.h"
#include "h5cap/node.h"
#include "h5cap/shape.h"

namespace h5cap::wire {

// A FileError (fileProblem): `what` came from the other side.
[[noreturn]] void invalid(const std::string& what);

void checkRank(std::size_t rank);

// The structs of a list, which take about as many bytes as they should: a list may say that its parts have no bytes,
// and then be millions of them in a message of a few words.  Members are only added to structs, so those of an earlier
// peer are smaller, and never by half.
template <class T>
typename capnp::List<T>::Reader counted(typename capnp::List<T>::Reader list) {
  if (list.size() == 0) return list;
  capnp::AnyStruct::Reader first(list[0]);
  const std::size_t words = first.getDataSection().size() / sizeof(capnp::word) + first.getPointerSection().size();
  constexpr auto full = capnp::_::structSize<T>();
  if (words * 2 < std::size_t{full.data} + full.pointers) invalid("a list of more parts than it has bytes for");
  return list;
}

std::string readText(capnp::Text::Reader reader);  // invalid with a NUL in it: names and paths end there for the system
capnp::Text::Reader asText(const std::string& text);  // refers to `text`

// `size` as Cap'n Proto counts; FileError (tooLarge) where it cannot.
unsigned listSize(std::size_t size);

// Lists of what core/wire.h reads one by one.
std::vector<Link> readLinks(capnp::List<rpc::Link>::Reader list);
std::vector<Attribute> readAttributes(capnp::List<rpc::Attribute>::Reader list);
std::vector<Filter> readFilters(capnp::List<rpc::Filter>::Reader list);
std::vector<VirtualSource> readSources(capnp::List<rpc::VirtualSource>::Reader list);
std::vector<ExternalFile> readExternalFiles(capnp::List<rpc::ExternalFile>::Reader list);
Shape readChunkShape(capnp::List<std::uint64_t>::Reader list);  // its rank is whoever's that knows the dataset

// Of a file; no longer than versions are.
Version readVersion(capnp::Data::Reader reader);

void writeShape(const Shape& shape, capnp::List<std::uint64_t>::Builder builder);

// An enumerant from the wire, which may be one that this program does not know.
template <class Ours, class Theirs>
Ours readEnum(Theirs value, Ours last, const char* what) {
  auto number = static_cast<std::uint16_t>(value);
  if (number > static_cast<std::uint16_t>(last)) throw Unimplemented(std::string("an unknown ") + what);
  return static_cast<Ours>(number);
}

}  // namespace h5cap::wire
