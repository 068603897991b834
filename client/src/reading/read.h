// Reading a view as a whole: one call where one reply holds it, tiles for the rest.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "client/src/open/node-state.h"
#include "h5cap/dataset.h"

namespace h5cap::detail {

// Where the elements of a read go.  Filled on the loop's thread; whoever gives up waiting closes it, and from then on
// nothing is written.
class Sink {
 public:
  virtual ~Sink() = default;

  // Room for `bytes` bytes of elements.  May throw; never called twice.
  virtual std::span<std::byte> prepare(std::uint64_t bytes) = 0;

  void close() {
    std::lock_guard lock(mutex);
    isClosed = true;
  }

  std::mutex mutex;
  bool isClosed = false;
  std::atomic<std::uint64_t> elementsDone{0};
  std::atomic<std::uint64_t> elementsTotal{0};  // zero until it is known
  DataType type;
  Shape shape;
  Bytes heap;
  std::vector<std::string> missingSources;
  Version version;  // of the file that the elements are from
  bool isOfSeveralVersions = false;
};

// Starts reading; on return the calls are on their way.  Throws what can be known before sending (BadSelection, BadType).
// `whenDone` runs on the loop's thread.
SharedCall startRead(const std::shared_ptr<NodeState>& node, const Selection& selection, const ReadOptions& options,
                     std::shared_ptr<Sink> sink, std::function<void(const Call&)> whenDone = nullptr);

// The sizes that hold for a read: its own, else the connection's.
std::uint64_t tileBytes(const ReadOptions& options, const ConnectOptions& defaults);
std::uint64_t windowBytes(const ReadOptions& options, const ConnectOptions& defaults);

// What its elements are packed as: the fields that are wanted.  Throws BadType, BadSelection for fields that are not there.
DataType typeOfRead(const NodeInfo& info, const ReadOptions& options);

// Throws BadType or Unimplemented when elements of the dataset cannot be read.
void checkReadable(const NodeInfo& info, const std::string& path);

}  // namespace h5cap::detail
