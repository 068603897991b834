#include "server/planner/hdf5-error.h"

#include <hdf5.h>

#include "h5cap/error.h"

namespace h5cap::hdf5 {

namespace {

herr_t takeFirst(unsigned position, const H5E_error2_t* entry, void* found) {
  auto& error = *static_cast<Hdf5Error*>(found);
  if (position == 0) {
    if (entry->func_name != nullptr) error.function = entry->func_name;
    if (entry->desc != nullptr) error.reason = entry->desc;
  }
  return 0;
}

// Versions that libhdf5 does not know come from newer libraries, or from damage: its words are the same for both.
std::string ofVersion(const std::string& reason) {
  for (const char* said : {"bad version", "wrong version", "unknown version", "incorrect version"}) {
    if (reason.find(said) == std::string::npos) continue;
    unsigned major = 0, minor = 0, release = 0;
    H5get_libversion(&major, &minor, &release);
    return " (it needs a newer HDF5 than this server's libhdf5 " + std::to_string(major) + "." + std::to_string(minor) +
           "." + std::to_string(release) + ", or is damaged)";
  }
  return {};
}

}  // namespace

Hdf5Error innermostError() {
  Hdf5Error error;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, takeFirst, &error);
  if (error.reason.empty()) error.reason = "libhdf5 gives no reason";
  return error;
}

void throwHdf5Error(const char* doing) {
  std::string reason = innermostError().reason;
  // "required filter 'name' is not registered", of the pipeline of a heap or a dataset
  bool isFilter = reason.find("required filter") != std::string::npos;
  throw FileError("cannot " + std::string(doing) + ": " + reason + ofVersion(reason),
                  isFilter ? ErrorCode::missingFilter : ErrorCode::fileProblem);
}

}  // namespace h5cap::hdf5
