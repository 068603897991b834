// System calls that resolve a path beneath a folder and nowhere else.  Blocking.
#pragma once

#include <kj/io.h>

#include <string>

namespace h5cap {

enum class Beyond { denied, allowed };  // whether symbolic links may leave the folder

// An O_PATH descriptor.  Opens nothing yet: a FIFO or device is not touched.  `shown` is the path that errors name.
// NotFound, Denied (links that leave the folder, whether or not they lead anywhere), FileError.
kj::AutoCloseFd resolveBeneath(int folder, const std::string& path, Beyond beyond, const std::string& shown);

// A descriptor for reading the file or directory that an O_PATH one stands for.
kj::AutoCloseFd reopen(int path, int flags, const std::string& shown);

// Where a descriptor's file is now, as a path of the host.  Throws NotFound when it has been removed.
std::string pathOf(int descriptor, const std::string& shown);

[[noreturn]] void raiseErrno(int error, const std::string& shown);

}  // namespace h5cap
