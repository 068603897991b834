// What may be said when connecting, opening and reading.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "h5cap/read-version.h"

namespace h5cap {

struct ConnectOptions {
  // Behaviour.
  std::chrono::milliseconds timeout{60'000};  // of any wait for the server; then Busy (deadline)
  // How long a connection that is lost (a restarted server, a broken link, a laptop that slept) is tried to be
  // replaced, within `timeout`; then Disconnected.  Whatever was asked is asked again, and handles stay valid;
  // FileError (changed) when a file is not the same any more.  Zero: never.
  std::chrono::milliseconds reconnectTime{10'000};
  std::string token;                          // reserved: throws Unimplemented unless empty
  std::function<void()> interrupted;          // called every 50 ms by the waiting thread; may throw to give up waiting

  // Performance.
  // A folder for tiles and snapshots of files, "DIR" or "DIR:SIZE" (K, M, G, T; 10G by default), shared by processes;
  // empty: $H5CAP_CACHE as it is when the session is made, or none.  What is kept is used when the server says that the
  // file still is that version.  FileError (fileProblem) when DIR holds other things, or is another user's.
  std::string cache;
  // Of elements, or of a file's stored bytes, in one reply: larger reads are cut into such tiles.  Zero:
  // $H5CAP_TILE_BYTES as it is when the session is made, or 1 MiB, which fills a link.  Small ones are for tests.
  std::uint64_t tileBytes = 0;
  std::uint64_t windowBytes = 32 << 20; // replies under way at once
};

struct OpenOptions {
  std::uint32_t snapshotBytes = 0;  // how much of the file's tree comes with the reply; zero: none
};

struct ReadOptions {
  // Behaviour.
  // FileError (missingSource) instead of fill for absent sources of a virtual dataset.
  bool raiseMissingSources = false;

  // Called by the waiting thread at the end of a read, with the names of the sources of a virtual dataset that are
  // absent and show as fill, if any.  Not by `readPackedAsync` and `tiles`.
  std::function<void(const std::vector<std::string>& names)> missingSources;

  // Called by the waiting thread at the end of a read into memory of the caller's, with the version that it is of.
  std::function<void(const ReadVersion& version)> version;

  // Called by the waiting thread every 50 ms while it waits, with the elements that have arrived and those of the whole
  // selection (zero while that is not known).  May throw, which gives the read up.  Not by `readPackedAsync` and
  // `tiles`.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;

  // Of a compound, only these fields, as elements that have just these in this order; only their bytes travel.  Empty:
  // all.  BadSelection for a field that is not there or is named twice, BadType when elements are no compounds.
  std::vector<std::string> fields;

  // No other version will do: FileError (changed).  Empty: whichever is current, and that one for all of the read,
  // which begins again, a few times, when the file changes meanwhile.
  ReadVersion ifVersion;

  // Performance; zero: as the connection's.
  std::uint64_t tileBytes = 0;
  std::uint64_t windowBytes = 0;
};

}  // namespace h5cap
