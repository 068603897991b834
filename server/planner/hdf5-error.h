// What libhdf5 says about its last failure.
#pragma once

#include <string>

namespace h5cap::hdf5 {

struct Hdf5Error {
  std::string function;  // that noticed first
  std::string reason;
};

// The innermost entry of libhdf5's error stack: the cause, not the calls that passed it on.
Hdf5Error innermostError();

// Throws FileError (fileProblem): "cannot <doing>: <reason>".
[[noreturn]] void throwHdf5Error(const char* doing);

}  // namespace h5cap::hdf5
