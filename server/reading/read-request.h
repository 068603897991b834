// What one read of a dataset is asked for, what it answers, and where it puts elements.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "h5cap/selection.h"
#include "server/files/open-file.h"

namespace h5cap {

enum class AbsentSources { fill, raise };

struct ReadRequest {
  WorkOwner owner;                  // whose turn the work is
  Selection selection;
  std::vector<std::string> fields;  // of a compound: only these, in this order; empty: all
  std::uint64_t replyBytes = 0;    // zero: the default
  std::uint64_t firstElement = 0;  // where to go on
  std::uint64_t firstByte = 0;     // and of that element, with its heap behind it, how many bytes came before
  bool takesParts = false;         // of elements that are larger than a reply may be
  AbsentSources absentSources = AbsentSources::fill;
  Version ifVersion;               // empty: any
  Bytes ifSources;                 // of ReadResult::sources, likewise
  Version knownVersion;            // the caller has the elements in this version; empty: in none
};

// What the body of a reply is.
struct PackedElements {};  // they are in the ElementSpace
struct SameElement {
  Bytes element;  // all of them are this one
};
struct PartOfElement {   // the bytes in the ElementSpace are some of element `first`, with its heap behind it
  std::uint64_t first = 0, total = 0;
};
struct KnownElements {};  // none: they are those of ReadRequest::knownVersion
using ReplyBody = std::variant<PackedElements, SameElement, PartOfElement, KnownElements>;

struct ReadResult {
  NodePointer node;                  // the dataset
  ObjectId objectId = 0;
  Version version;
  VersionStability stability = VersionStability::unsettled;  // whether the elements may be kept by that version
  Shape shape;                       // of the dataset
  Shape selected;                    // counts of the whole selection along all axes that are not dropped
  std::uint64_t first = 0, count = 0;
  struct Next {
    std::uint64_t element = 0, byte = 0;
  };
  std::optional<Next> next;
  ReplyBody body;
  std::uint64_t typeDigest = 0;      // of the elements as they travel; zero where there is nothing to read
  Bytes heap;
  Bytes sources;                     // version of what else they were made of; empty when nothing else
  std::vector<std::string> missingSources;
};

// Where elements are put.
class ElementSpace {
 public:
  virtual ~ElementSpace() noexcept(false) = default;

  // Memory for packed elements, once the budget allows it; what an earlier call returned is void.
  virtual kj::Promise<std::span<std::byte>> reserve(std::size_t bytes) = 0;

  // Lets others have that budget, while storage that may hang is waited for: what reserve() returned is void.  False
  // when it has to be kept, and stays good.
  virtual bool standAside() = 0;
};

// Virtual datasets over virtual datasets: how many levels further a read may go.
inline constexpr int maxVirtualDepth = 16;

}  // namespace h5cap
