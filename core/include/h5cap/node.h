// What is known about files and the objects in them, as plain values.  Mirrors capnp/h5cap/types.capnp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "h5cap/data-type.h"
#include "h5cap/error.h"
#include "h5cap/shape.h"

namespace h5cap {

using Bytes = std::vector<std::byte>;
using ObjectId = std::uint64_t;  // opaque; unique within one version of a file
using Version = Bytes;           // opaque; equal bytes mean equal content, once it has settled

// Whether any later read of the same version finds the same.  Unsettled: the file may be changing without its version
// showing it.
enum class VersionStability { unsettled, settled };

enum class NodeKind { unknown, group, dataset, namedType };

struct HardLink {
  ObjectId target = 0;
  NodeKind kind = NodeKind::unknown;
};
struct SoftLink {
  std::string path;
};
struct ExternalLink {
  std::string file;
  std::string path;
};
struct UserDefinedLink {
  std::uint8_t linkClass = 0;
};

struct Link {
  std::string name;
  CharacterSet characterSet = CharacterSet::ascii;
  std::variant<HardLink, SoftLink, ExternalLink, UserDefinedLink> target;
  std::int64_t creationOrder = -1;  // -1: not tracked
};

struct Dataspace {
  enum class Kind { null, simple, unknown };
  Kind kind = Kind::simple;
  Shape shape;             // empty for a scalar; of kind unknown, what the file stores
  Shape maxShape;          // same rank; `unlimited` along an axis that grows
  std::string whyUnknown;  // kind unknown
};

struct Filter {
  std::uint32_t id = 0;
  std::uint32_t flags = 0;
  std::string name;
  std::vector<std::uint32_t> parameters;
};

enum class Layout { unknown, compact, contiguous, chunked, virtualMapping, external };

// A stored selection over one whole extent.
struct Hyperslab {
  struct Dimension {
    std::uint64_t start = 0, stride = 1, count = 0, block = 1;  // count or block may be `unlimited`
  };
  enum class Kind { all, regular, boxes, none, points };
  Kind kind = Kind::all;
  std::vector<Dimension> dimensions;  // regular
  std::vector<std::uint64_t> boxes;   // start and inclusive end corners, rank by rank
  Shape extent;                       // of the space that the selection was made on; empty where unknown
  std::vector<std::uint64_t> points;  // coordinates, rank after rank, in the order of the selection; in references only
};

struct VirtualSource {
  std::string file;  // "." is the file itself
  std::string dataset;
  Hyperslab virtualSelection;
  Hyperslab sourceSelection;
  bool isPattern = false;
};

struct ExternalFile {
  std::string name;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

// When HDF5 writes the fill value.  Elements that were never written read as zeros with `never`, whatever the fill
// value is; only a virtual dataset shows its fill value all the same.
enum class FillTime { ifSet, allocation, never };

struct DatasetInfo {
  DataType type;
  Dataspace space;
  Layout layout = Layout::unknown;
  Shape chunkShape;  // empty unless chunked
  std::vector<Filter> filters;
  Bytes fillValue;  // one packed element; empty means zeros
  Bytes fillHeap;
  bool fillDefined = false;
  bool fillUndefined = false;  // the writer took the default away, too; elements that were never written read as zeros
  FillTime fillTime = FillTime::ifSet;
  std::uint64_t storageBytes = 0;
  std::vector<VirtualSource> virtualSources;
  std::vector<ExternalFile> externalFiles;
};

// Outside of `Attribute` because a variant of nested classes with initialisers has no default constructor inside.
struct OmittedValue {
  std::uint64_t bytes = 0;
};
struct AttributeValue {
  Bytes elements;  // packed, C order
  Bytes heap;
};

struct Attribute {
  using Omitted = OmittedValue;
  using Value = AttributeValue;
  std::string name;
  DataType type;
  Dataspace space;
  CharacterSet characterSet = CharacterSet::ascii;
  std::int64_t creationOrder = -1;
  std::variant<Omitted, Value, ErrorText> value;
};

struct NodeInfo {
  ObjectId id = 0;
  NodeKind kind = NodeKind::unknown;
  std::optional<DatasetInfo> dataset;
  std::optional<DataType> type;  // of a named type
  std::uint64_t linkCount = 0;
  std::vector<Link> links;  // in name order, when linksComplete
  bool linksComplete = false;
  std::vector<Attribute> attributes;  // when attributesComplete
  bool attributesComplete = false;
  bool tracksOrder = false;
  bool attributesTrackOrder = false;
  std::uint32_t referenceCount = 0;
  std::optional<ErrorText> problem;  // there, but cannot be described
};

struct FileInfo {
  std::string path;
  std::uint64_t size = 0;
  Version version;
  std::uint64_t userBlockSize = 0;
  std::string libraryVersion;
  bool isSwmr = false;
  ObjectId rootId = 0;
  VersionStability stability = VersionStability::unsettled;
};

struct DirectoryEntry {
  std::string name;
  bool isDirectory = false;
  std::uint64_t size = 0;
  std::int64_t modifiedNs = 0;
};

}  // namespace h5cap
