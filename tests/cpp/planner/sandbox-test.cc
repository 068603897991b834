// The sandbox, in forked children of the test: what it must deny, and what must go on working.
#include "server/planner/sandbox.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <functional>
#include <vector>

namespace {

// The exit status of a child that enters the sandbox, or does not, and then does `work`; -1 when a signal killed it.
enum class Sandbox { no, yes };
int statusOf(Sandbox sandbox, const std::function<int()>& work) {
  pid_t child = fork();
  if (child == 0) {
    if (sandbox == Sandbox::yes) h5cap::hdf5::enterSandbox(64 << 20);
    _exit(work());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int errnoOf(int result) { return result < 0 ? errno : 0; }

struct Attempt {
  const char* name;
  std::function<int()> work;  // its errno, or zero
};

std::vector<Attempt> forbidden() {
  return {{"open", [] { return errnoOf(open("/etc/passwd", O_RDONLY)); }},
          {"create", [] { return errnoOf(open("/tmp/h5cap-sandbox-test", O_CREAT | O_WRONLY, 0600)); }},
          {"socket", [] { return errnoOf(socket(AF_INET, SOCK_STREAM, 0)); }},
          {"fork", [] { return errnoOf(fork()); }},
          {"exec",
           [] {
             char* const arguments[] = {nullptr};
             return errnoOf(execve("/bin/true", arguments, arguments));
           }},
          {"unlink", [] { return errnoOf(unlink("/tmp/h5cap-sandbox-test")); }}};
}

}  // namespace

TEST_CASE("after the sandbox nothing can be opened, made, connected, forked or executed") {
  for (const Attempt& attempt : forbidden()) {
    CAPTURE(attempt.name);
    CHECK(statusOf(Sandbox::yes, attempt.work) == EPERM);
    CHECK(statusOf(Sandbox::no, attempt.work) != EPERM);  // the same attempt outside gets further
  }
}

TEST_CASE("the sandbox lets descriptors be read and memory be allocated, up to its limit") {
  int file = open("/proc/self/exe", O_RDONLY);
  auto readSome = [file] {
    char bytes[16];
    return pread(file, bytes, sizeof bytes, 0) == sizeof bytes ? 0 : 1;
  };
  CHECK(statusOf(Sandbox::yes, readSome) == 0);
  close(file);
  auto allocate = [](std::size_t bytes) {
    void* memory = std::malloc(bytes);
    int result = memory == nullptr ? 1 : 0;
    std::free(memory);
    return result;
  };
  CHECK(statusOf(Sandbox::yes, [&] { return allocate(16 << 20); }) == 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  CHECK(statusOf(Sandbox::yes, [&] { return allocate(256 << 20); }) == 1);
#endif
}
