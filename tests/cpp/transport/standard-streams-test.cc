// Covers what `h5capd --stdio` does with standard streams of every kind.  Does not cover ssh itself (tests/faults).
#include <doctest/doctest.h>
#include <fcntl.h>
#include <kj/io.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

namespace {

struct Ended {
  int status = -1;  // of the exit; -1: it had to be killed
  std::string errors;
};

kj::AutoCloseFd null(int flags) { return kj::AutoCloseFd(open("/dev/null", flags | O_CLOEXEC)); }

std::string server() {
  char self[4096];
  const ssize_t length = readlink("/proc/self/exe", self, sizeof self);
  const std::string path(self, length);
  return path.substr(0, path.rfind('/')) + "/h5capd";
}

// Runs `h5capd --stdio`; takes `far` away, the other end of its streams, once it has started.
Ended run(kj::AutoCloseFd input, kj::AutoCloseFd output, kj::AutoCloseFd far = nullptr) {
  int errors[2];
  REQUIRE(pipe2(errors, O_CLOEXEC) == 0);
  kj::AutoCloseFd reading(errors[0]), writing(errors[1]);
  const std::string program = server();
  const pid_t child = fork();
  if (child == 0) {
    dup2(input, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    dup2(writing, STDERR_FILENO);
    execl(program.c_str(), "h5capd", "--stdio", static_cast<char*>(nullptr));
    _exit(127);
  }
  input = nullptr;
  output = nullptr;
  writing = nullptr;
  far = nullptr;
  Ended ended;
  char buffer[4096];
  for (;;) {
    pollfd wait{reading, POLLIN, 0};
    if (poll(&wait, 1, 10'000) <= 0) break;
    const ssize_t count = read(reading, buffer, sizeof buffer);
    if (count <= 0) break;
    ended.errors.append(buffer, count);
  }
  int status = 0;
  for (int i = 0; i < 1000; ++i) {
    if (waitpid(child, &status, WNOHANG) == child) {
      if (WIFEXITED(status)) ended.status = WEXITSTATUS(status);
      return ended;
    }
    usleep(10'000);
  }
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  return ended;
}

}  // namespace

TEST_CASE("--stdio on /dev/null died with a message about epoll") {
  auto ended = run(null(O_RDONLY), null(O_WRONLY));
  CHECK(ended.status == 1);
  CHECK(ended.errors.find("pipe or a socket") != std::string::npos);
  CHECK(ended.errors.find("epoll") == std::string::npos);
}

TEST_CASE("--stdio on pipes or a socket ends well when the other side goes") {
  int there[2], back[2];
  REQUIRE(pipe2(there, O_CLOEXEC) == 0);
  REQUIRE(pipe2(back, O_CLOEXEC) == 0);
  kj::AutoCloseFd kept(back[0]);
  auto ended = run(kj::AutoCloseFd(there[0]), kj::AutoCloseFd(back[1]), kj::AutoCloseFd(there[1]));
  CAPTURE(ended.errors);
  CHECK(ended.status == 0);

  int socket[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socket) == 0);
  kj::AutoCloseFd both(socket[0]);
  kj::AutoCloseFd output(fcntl(both, F_DUPFD_CLOEXEC, 0));
  ended = run(kj::mv(both), kj::mv(output), kj::AutoCloseFd(socket[1]));
  CAPTURE(ended.errors);
  CHECK(ended.status == 0);
}
