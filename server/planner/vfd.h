// The planner's own HDF5 file driver: reads one inherited descriptor, and cannot write, lock or open anything.
#pragma once

#include <hdf5.h>

#include <cstdint>

#include "h5cap/node.h"

namespace h5cap::hdf5 {

// The driver's identifier, registered at the first call.
hid_t descriptorDriver();

// Lets the driver's next open, and no later one, read `descriptor`.  libhdf5 opens files on its own (the sources of a
// virtual dataset) with the driver of the file that names them: those opens must fail.
void lendDescriptor(int descriptor);

// From now on reads find these bytes at an address (absolute in the file), whatever the file has there.
// Overlays do not overlap each other.
void overlay(std::uint64_t address, Bytes bytes);

struct RecordedRead {
  std::uint64_t address = 0;  // absolute in the file, user block included
  std::uint64_t size = 0;
};

// While it lives, reads of raw data are noted instead of performed, and leave their buffers as they were.  Reads of
// metadata go through.
class Recording {
 public:
  Recording();
  ~Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  unsigned count() const { return count_; }  // raw reads since `clear`
  const RecordedRead& last() const { return last_; }
  void clear() { count_ = 0; }

  void note(std::uint64_t address, std::uint64_t size) {
    ++count_;
    last_ = {address, size};
  }

 private:
  unsigned count_ = 0;
  RecordedRead last_;
};

}  // namespace h5cap::hdf5
