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

void writeShape(const Shape& shape, capnp::List<std::uint64_t>::Builder builder);

// Refuses a list whose elements are not there: one word may claim any number of structs of no size, each of which reads
// as defaults.  All elements of a list have the same size, `leastWords` or more in every version of the schema.
template <class List>
void checkElements(List list, std::uint64_t leastWords) {
  if (list.size() == 0) return;
  capnp::AnyStruct::Reader first(list[0]);
  if (first.getDataSection().size() / sizeof(capnp::word) + first.getPointerSection().size() < leastWords)
    invalid("a list without its elements");
}

// An enumerant from the wire, which may be one that this program does not know.
template <class Ours, class Theirs>
Ours readEnum(Theirs value, Ours last, const char* what) {
  auto number = static_cast<std::uint16_t>(value);
  if (number > static_cast<std::uint16_t>(last)) throw Unimplemented(std::string("an unknown ") + what);
  return static_cast<Ours>(number);
}

}  // namespace h5cap::wire
