// A read as a value: where every element of an array comes from, where it goes, and what becomes of it on the way.
//
// Plans are made by pure functions from what is wanted, descriptions, storage and sources (stored-plan.h,
// virtual-plan.h), in memory of their own: nothing here reads a file or knows a server.  Whoever carries one out reads
// each file in the version that the plan is for, or makes another plan.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "core/chunk-grid.h"
#include "core/plan/placement.h"
#include "core/plan/wanted.h"
#include "core/storage.h"
#include "h5cap/node.h"

namespace h5cap {

// A dataset as one version of its file stores it.
struct PlannedDataset {
  std::size_t file = 0;  // its number in ReadPlan::versions
  ObjectId id = 0;
  DataType type;
  Shape shape;
  // One packed element: what was never written reads as.  Empty: zeros, of elements above MAX_ELEMENT_BYTES.
  Bytes fillElement;
  Bytes fillHeap;
  std::shared_ptr<const Storage> storage;

  std::size_t elementBytes() const { return std::max<std::size_t>(type.size(), 1); }
};

struct ArrayPlan;

// Of a dataset that lies in one piece in the file, or in its header.
struct FromOnePiece {
  Wanted wanted;
};

// Of the chunks in a box of the grid: extents and filter masks in C order.
struct FromChunks {
  Region region;
  ChunkBox box;
  std::shared_ptr<const Extents> extents;
};

// Single elements, chunk by chunk; extents are those of `wanted->chunks`.
struct FromEachChunk {
  Shape grid;
  std::shared_ptr<const ChunkElements> wanted;
  std::shared_ptr<const Extents> extents;
};

// Of external raw files: ReadPlan::rawReads says which.
struct FromRawFiles {
  std::size_t rawRead = 0;
};

// What only libhdf5 can read: ReadPlan::libraryReads says what to ask it for.
struct FromLibrary {
  std::size_t libraryRead = 0;
};

// Of another array with a plan of its own: all of its elements, or some by their numbers in C order.
struct FromArray {
  std::shared_ptr<const ArrayPlan> array;
  std::optional<std::vector<std::uint64_t>> picked;
};

// Elements of one origin.
struct Piece {
  using From = std::variant<FromOnePiece, FromChunks, FromEachChunk, FromRawFiles, FromLibrary, FromArray>;
  From from;
  std::shared_ptr<const PlannedDataset> dataset;  // null for FromArray
  std::uint64_t count = 0;
  Placement place;
  // The type that these elements have before they are converted to the array's; nothing where they are the same bytes.
  std::optional<DataType> convertedFrom;
};

// A packed array of `counts`: fill, and pieces over it, of which later ones count where they overlap.
struct ArrayPlan {
  DataType type;
  Shape counts;
  Bytes fillElement;
  Bytes fillHeap;
  std::vector<Piece> pieces;

  std::size_t elementBytes() const { return std::max<std::size_t>(type.size(), 1); }
};

// A question to libhdf5.
struct LibraryRead {
  std::shared_ptr<const PlannedDataset> dataset;
  Wanted wanted;
};

// A region in external raw files, and the slots of them that hold any of it: with the first region of a dataset those
// of all that follow it.
struct RawFilesRead {
  std::shared_ptr<const PlannedDataset> dataset;
  Region region;
  std::set<std::size_t> slots;
};

// Files are in the order in which they were met: the first is that of the dataset that is read.
struct ReadPlan {
  std::vector<Version> versions;  // of the files, one each
  std::vector<LibraryRead> libraryReads;
  std::vector<RawFilesRead> rawReads;
  std::shared_ptr<const ArrayPlan> array;
};

}  // namespace h5cap
