// What a reply to a read carries, checked: the server may be hostile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <h5cap/objects.capnp.h>

#include "core/heap.h"
#include "core/pack.h"
#include "h5cap/node.h"

namespace h5cap::detail {

// A contiguous run of elements, in C order, of what was selected.  Points into the reply.
struct Piece {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
  bool isFill = false;                  // `elements` is one element, and all are that
  bool isLast = false;
  bool isUnchanged = false;             // no elements: they are those of the version that the question named as known
  Version version;                      // of the file that was read
  VersionStability stability = VersionStability::unsettled;
  std::span<const std::byte> elements;
  std::span<const std::byte> heap;
};

// Throws FileError (fileProblem) when the reply is not one to a question for the elements from `first` on of `total`,
// asked by somebody who knows them in `knownVersion` (empty: in none).
Piece checkPiece(rpc::ReadReply::Reader reply, const DataType& type, std::uint64_t first, std::uint64_t total,
                 const Version& knownVersion = {});

// Copies the piece, of a selection whose extents are `counts`, to where `inResult` says in an array of shape
// `resultShape`; what places lead to is appended to `heap`.
void copyPiece(const Piece& piece, const DataType& type, const Shape& counts, const std::vector<Positions>& inResult,
               std::span<std::byte> result, const Shape& resultShape, Heap& heap);

// The positions that `part`, positions among those of `whole`, stand for.
std::vector<Positions> within(const std::vector<Positions>& whole, const std::vector<Positions>& part);

// The elements of counts that follow the first `done`, in C order, as boxes: at most one an axis.  Positions, from the
// last axis' remainder to the first's.
std::vector<std::vector<Positions>> boxesAfter(const Shape& counts, std::uint64_t done);

}  // namespace h5cap::detail
