// System calls that resolve a path beneath a folder and nowhere else.  Blocking.
#pragma once

#include <kj/io.h>

#include <optional>
#include <string>

namespace h5cap {

enum class Beyond { denied, allowed };  // whether symbolic links may leave the folder

// An O_PATH descriptor, or nothing when a symbolic link leaves the folder.  Opens nothing yet: a FIFO or device is not
// touched.  `shown` is the path that errors name.  NotFound, Denied, FileError.
kj::Maybe<kj::AutoCloseFd> resolveBeneath(int folder, const std::string& path, Beyond beyond, const std::string& shown);

// The same for a path without any symbolic link, Denied when there is one; the last component may be one, and is then
// itself what the descriptor stands for.
kj::AutoCloseFd resolveWithoutLinks(int folder, const std::string& path, const std::string& shown);

// An O_PATH descriptor of the folder at an absolute path without any symbolic link; nothing, with errno, when there is
// none: ELOOP for a link.  Mounts on the way are entered, and made where they are made on demand.
kj::Maybe<kj::AutoCloseFd> folderWithoutLinks(const std::string& path);

// Where a symbolic link says that it leads; nothing when the O_PATH descriptor stands for something else.
std::optional<std::string> linkTarget(int path, const std::string& shown);

// A descriptor for reading the file or directory that an O_PATH one stands for.
kj::AutoCloseFd reopen(int path, int flags, const std::string& shown);

// Where a descriptor's file is now, as a path of the host.  Throws NotFound when it has been removed.
std::string pathOf(int descriptor, const std::string& shown);

[[noreturn]] void raiseErrno(int error, const std::string& shown);

}  // namespace h5cap
