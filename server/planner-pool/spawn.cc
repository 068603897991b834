#include "server/planner-pool/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "h5cap/error.h"
#include "server/planner-pool/zygote-protocol.h"

namespace h5cap {

namespace {

// Above the numbers that the program's own descriptors get, so that none of them is overwritten before it is copied.
constexpr int FIRST_SAFE_DESCRIPTOR = 10;

void check(int error, const std::string& executable) {
  if (error != 0) throw Failed("cannot run " + executable + ": " + strerror(error));
}

struct FileActions {
  posix_spawn_file_actions_t actions;
  FileActions() { posix_spawn_file_actions_init(&actions); }
  ~FileActions() { posix_spawn_file_actions_destroy(&actions); }
};

struct Attributes {
  posix_spawnattr_t attributes;
  Attributes() {
    posix_spawnattr_init(&attributes);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  ~Attributes() { posix_spawnattr_destroy(&attributes); }
};

}  // namespace

Spawned spawnZygote(const std::string& executable) {
  int pair[2];
  check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0 ? 0 : errno, executable);
  kj::AutoCloseFd ours(pair[0]), low(pair[1]);
  kj::AutoCloseFd theirs(fcntl(low, F_DUPFD_CLOEXEC, FIRST_SAFE_DESCRIPTOR));
  check(theirs.get() >= 0 ? 0 : errno, executable);

  FileActions files;
  check(posix_spawn_file_actions_addopen(&files.actions, 0, "/dev/null", O_RDONLY, 0), executable);
  check(posix_spawn_file_actions_addopen(&files.actions, 1, "/dev/null", O_WRONLY, 0), executable);
  check(posix_spawn_file_actions_adddup2(&files.actions, theirs, zygoteDescriptor), executable);
  check(posix_spawn_file_actions_addclosefrom_np(&files.actions, zygoteDescriptor + 1), executable);

  Attributes attributes;
  std::string name = executable, option = "--zygote";
  char* arguments[] = {name.data(), option.data(), nullptr};
  Spawned result;
  check(posix_spawn(&result.process, executable.c_str(), &files.actions, &attributes.attributes, arguments, environ),
        executable);
  result.socket = kj::mv(ours);
  return result;
}

}  // namespace h5cap
