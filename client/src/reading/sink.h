// Where the elements of a read go.  Filled on the loop's thread; whoever gives up waiting closes it, and from then on
// nothing is written.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "client/src/threads/guarded.h"
#include "core/heap.h"
#include "h5cap/node.h"
#include "h5cap/read-version.h"

namespace h5cap::detail {

class Sink {
 public:
  virtual ~Sink() = default;

  // Room for `bytes` bytes of elements of `type`, called with `result` locked.  May throw.  Called again
  // when the read begins again: what was written before is void.
  virtual std::span<std::byte> prepare(const DataType& type, std::uint64_t bytes) = 0;

  void close() { result.lock()->isClosed = true; }

  // All that came but the elements, whose room is only written with this locked, too.
  struct Result {
    bool isClosed = false;
    DataType type;
    Shape shape;
    Heap heap;
    std::vector<std::string> missingSources;
    ReadVersion version;               // that the elements are of
    bool isOfSeveralVersions = false;  // as those of a file with a SWMR writer may be
    VersionStability stability = VersionStability::settled;  // whether all of it may be kept by that version
  };
  Guarded<Result> result;

  std::atomic<std::uint64_t> elementsDone{0};
  std::atomic<std::uint64_t> elementsTotal{0};  // zero until it is known
};

}  // namespace h5cap::detail
