// Ownership of HDF5 identifiers: whatever libhdf5 hands out is closed when its handle goes.
#pragma once

#include <hdf5.h>

#include <utility>

#include "server/planner/hdf5-error.h"

namespace h5cap::hdf5 {

class Handle {
 public:
  Handle() = default;
  explicit Handle(hid_t id) : id_(id) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    return *this;
  }
  ~Handle() {
    if (id_ >= 0) H5Idec_ref(id_);
  }

  hid_t get() const { return id_; }
  explicit operator bool() const { return id_ >= 0; }

 private:
  hid_t id_ = H5I_INVALID_HID;
};

// The identifier as a handle, or FileError with libhdf5's reason: "cannot <doing>: <reason>".
inline Handle own(hid_t id, const char* doing) {
  if (id < 0) throwHdf5Error(doing);
  return Handle(id);
}

// For calls that return a negative number when they fail.
template <class Result>
Result check(Result result, const char* doing) {
  if (result < 0) throwHdf5Error(doing);
  return result;
}

}  // namespace h5cap::hdf5
