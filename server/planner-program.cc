#include "server/planner-program.h"

#include <fcntl.h>
#include <kj/io.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

namespace h5cap {
namespace {

bool isProgram(const std::string& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && access(path.c_str(), X_OK) == 0;
}

}  // namespace

std::string plannerProgram() {
  if (const char* named = std::getenv("H5CAP_PLANNER"); named != nullptr && *named != '\0') return named;
  char self[4096];
  const ssize_t length = readlink("/proc/self/exe", self, sizeof self);
  if (length <= 0) throw std::runtime_error("cannot tell where h5capd itself is, to find h5cap-planner beside it");
  std::string folder(self, length);
  folder.resize(folder.rfind('/'));
  for (const char* beside : {"/h5cap-planner", "/../libexec/h5cap/h5cap-planner"})
    if (isProgram(folder + beside)) return folder + beside;
  throw std::runtime_error("h5cap-planner is neither in " + folder +
                           " nor in ../libexec/h5cap (H5CAP_PLANNER names it)");
}

std::string plannerVersion(const std::string& program) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe to ask " + program);
  const kj::AutoCloseFd ours(ends[0]);
  kj::AutoCloseFd theirs(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, theirs, STDOUT_FILENO);
  std::string name = program, option = "--version";
  char* arguments[] = {name.data(), option.data(), nullptr};
  pid_t process = -1;
  const int error = posix_spawn(&process, program.c_str(), &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error("cannot run " + program);
  theirs = nullptr;
  char said[200];
  const ssize_t length = read(ours, said, sizeof said);
  int status = 0;
  while (waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  if (length <= 0 || status != 0) throw std::runtime_error(program + " --version says nothing");
  const std::string line(said, length);
  return line.substr(0, line.find('\n'));
}

}  // namespace h5cap
