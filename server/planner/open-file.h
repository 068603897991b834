// The one file that a planner serves.
#pragma once

#include <array>
#include <span>
#include <string>

#include "h5cap/node.h"
#include "server/planner/handle.h"

namespace h5cap::hdf5 {

class OpenFile {
 public:
  // By which libhdf5 knows it; no other file has it, so that references into others can be told.
  static constexpr const char* NAME = "/the file/";

  // Opens the file behind `descriptor`, read-only and without locks.  FileError (fileProblem) says why not: not HDF5,
  // truncated, written by a newer library.
  explicit OpenFile(int descriptor);

  const FileInfo& info() const { return info_; }  // without path and version

  hid_t id() const { return file_.get(); }

  // An object by its address.  FileError when there is none.  A dataset of a file that is being written is as the
  // writer last flushed it.
  Handle object(ObjectId id) const;
  Handle group(ObjectId id) const;    // BadType for other objects
  Handle dataset(ObjectId id) const;  // BadType for other objects

  // All bytes of `target`, from byte `address` of the file on.  FileError where it ends before.
  void readBytes(std::uint64_t address, std::span<std::byte> target) const;
  std::uint64_t size() const;  // as it is now

  // Whether the file still is the one that was opened, and was then, for a SWMR writer: one that was written anew in
  // the same place is not.
  bool isLive() const;

 private:
  int descriptor_;
  std::array<unsigned char, 22> rootMark_{};
  Handle file_;
  FileInfo info_;
};

std::string libraryVersion();  // "1.10.8"

}  // namespace h5cap::hdf5
