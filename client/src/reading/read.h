// Reading a view as a whole: one call where one reply holds it, tiles for the rest.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "client/src/open/node-state.h"
#include "client/src/reading/sink.h"
#include "h5cap/options.h"
#include "h5cap/selection.h"

namespace h5cap::detail {

// Starts reading; on return the calls are on their way.  Throws what can be known before sending (BadSelection,
// BadType).  `whenDone` runs on the loop's thread.
SharedCall startRead(const std::shared_ptr<NodeState>& node, const Selection& selection, const ReadOptions& options,
                     std::shared_ptr<Sink> sink, std::function<void(const Call&)> whenDone = nullptr);

// The sizes that hold for a read: its own, else the connection's.
std::uint64_t tileBytes(const ReadOptions& options, const ConnectOptions& defaults);
std::uint64_t windowBytes(const ReadOptions& options, const ConnectOptions& defaults);

// What its elements are packed as: the fields that are wanted.  Throws BadType, BadSelection for fields that are not
// there.
DataType typeOfRead(const NodeInfo& info, const ReadOptions& options);

// Throws BadType or Unimplemented when elements of the dataset cannot be read.
void checkReadable(const NodeInfo& info, const std::string& path);

}  // namespace h5cap::detail
