// Reads that the disk cache answers, see ConnectOptions::cache.
//
// Only what the version of the file tells is kept: datasets with their elements in the file itself, of files without a
// live SWMR writer, of types without variable-length data.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "client/src/open/node-state.h"
#include "client/src/reading/sink.h"
#include "h5cap/options.h"
#include "h5cap/selection.h"

namespace h5cap::detail {

// Fills `sink` and returns true when every tile of the selection is kept in the version that the file has now: asked of
// the server by one small call, or told by the answer that opens the file, if that is still under way.  Writes nothing
// before that is known.
bool readFromCache(const std::shared_ptr<NodeState>& node, const Selection& selection, const ReadOptions& options,
                   Sink& sink);

// Keeps what a read has brought, when it is all of one version and that is the file's.  `elements`: all of the result.
void keepInCache(const std::shared_ptr<NodeState>& node, const Selection& selection, const ReadOptions& options,
                 const Sink& sink, std::span<const std::byte> elements);

}  // namespace h5cap::detail
