// One read is of one version, however many replies bring it.
//
// The first reply says which, every later question asks for that, and the server answers `changed` where it is gone.
// Questions that were sent before anything was answered ask for none; their replies are compared here.  Whether another
// version may go with the first, as in a file with a live SWMR writer, where what was written stays, is the server's to
// say, and known here when the file was opened.
//
// Sources of virtual datasets and raw files have a version of their own, as far as the server has met them: a source
// may be replaced after it was read, before another one is read for the first time.  So a read of several replies asks
// once more, at its end, whether everything that it was made of still is what it was.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include <kj/exception.h>

#include "h5cap/read-version.h"

namespace h5cap::detail {

// How many times a read begins before it gives up a file that keeps changing.
inline constexpr int MOST_BEGINNINGS = 3;

class OneVersion {
 public:
  // `wanted`: what the caller asks for; empty: whatever comes first.  `isFollowed` tells whether the file is known to
  // have a SWMR writer.  `path` is for messages.
  OneVersion(std::string path, ReadVersion wanted, std::function<bool()> isFollowed);

  // What the next question has to ask for; empty before the first reply.
  const ReadVersion& held() const { return held_; }
  bool isKnown() const { return !held_.file.empty(); }

  // A reply of version `got` has come to a question for `asked`.  FileError (changed) when it does not go with those
  // before it.
  void take(const ReadVersion& asked, const ReadVersion& got);

  // What was asked for does not fit the dataset in the version that was just taken.  FileError (changed).
  [[noreturn]] void reshaped();

  // The server refuses a question about a selection that is right in the shape that is known here.  Throws the problem,
  // or FileError (changed) where the selection is not right any more.
  [[noreturn]] void refused(kj::Exception&& problem);

  // Whether the server has to be asked for `held` once more at the end: not when one reply is all there was.
  bool isToBeChecked() const { return (replies_ > 1 || isWanted_) && !held_.sources.empty(); }

  // Whether it ended because the file changed meanwhile: then to begin again may help.
  bool hasChanged() const { return hasChanged_; }  // also on a thread that waits for the read

 private:
  const std::string path_;
  const bool isWanted_;  // by the caller: no other will do
  const std::function<bool()> isFollowed_;
  ReadVersion held_;
  std::uint64_t replies_ = 0;
  std::atomic<bool> hasChanged_{false};
};

}  // namespace h5cap::detail
