// The user's default socket (h5cap:///) is used only where folder and server are the user's; a socket that is named is
// used whosever it is.  Cases with another user need root, and are left out without.
#include <doctest/doctest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <string>

#include "h5cap/client.h"
#include "tests/support/fake-server.h"

using namespace h5cap;
using namespace h5cap::test;
namespace fs = std::filesystem;

namespace {

constexpr uid_t SOMEBODY = 12345;

struct Place {
  Place() {
    char name[] = "/tmp/h5cap-run-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path = name;
    run = path + "/run";
    fs::create_directory(run);
    chmod(run.c_str(), 0700);
    setenv("XDG_RUNTIME_DIR", run.c_str(), 1);
  }
  ~Place() {
    unsetenv("XDG_RUNTIME_DIR");
    fs::remove_all(path);
  }
  std::string path, run;
};

// A process of another user's that listens at a path.
class Stranger {
 public:
  explicit Stranger(const std::string& path) {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    int ready[2];
    REQUIRE(pipe(ready) == 0);
    child_ = fork();
    if (child_ == 0) {
      alarm(60);
      if (setresuid(SOMEBODY, SOMEBODY, SOMEBODY) != 0 || listen(fd, 5) != 0) _exit(1);
      if (write(ready[1], "x", 1) != 1) _exit(1);
      for (;;) pause();
    }
    char byte;
    REQUIRE(read(ready[0], &byte, 1) == 1);
    close(ready[0]);
    close(ready[1]);
    close(fd);
  }
  ~Stranger() {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }

 private:
  pid_t child_;
};

ConnectOptions brief() {
  ConnectOptions options;
  options.timeout = std::chrono::seconds(2);
  return options;
}

}  // namespace

TEST_CASE("the default socket in a folder of the user's own") {
  Place place;
  FakeServer server({{"/line", counting({10}, 4)}});
  CHECK_THROWS_AS(connect("h5cap:///", brief()), Disconnected);  // nothing there
  fs::create_symlink(server.socketPath(), place.run + "/h5cap.sock");
  CHECK(connect("h5cap:///", brief()).ping().count() > 0);
}

TEST_CASE("a folder that others can write to, own or have linked is not looked into") {
  Place place;
  FakeServer server({{"/line", counting({10}, 4)}});
  fs::create_symlink(server.socketPath(), place.run + "/h5cap.sock");
  for (mode_t mode : {0777, 0750, 0701, 01777}) {
    CAPTURE(mode);
    chmod(place.run.c_str(), mode);
    CHECK_THROWS_AS(connect("h5cap:///", brief()), Denied);
    CHECK_THROWS_AS(sharedSession("h5cap:///", brief()), Denied);
  }
  chmod(place.run.c_str(), 0700);
  const std::string link = place.path + "/link";
  fs::create_directory_symlink(place.run, link);
  setenv("XDG_RUNTIME_DIR", link.c_str(), 1);
  CHECK_THROWS_AS(connect("h5cap:///", brief()), Denied);
  setenv("XDG_RUNTIME_DIR", server.socketPath().c_str(), 1);  // no folder
  CHECK_THROWS_AS(connect("h5cap:///", brief()), Denied);
  setenv("XDG_RUNTIME_DIR", place.run.c_str(), 1);
  if (geteuid() != 0) return;
  REQUIRE(chown(place.run.c_str(), SOMEBODY, SOMEBODY) == 0);
  CHECK_THROWS_AS(connect("h5cap:///", brief()), Denied);
  const std::string named = "h5cap+unix:///" + place.run.substr(1) + "/h5cap.sock";
  CHECK(connect(named, brief()).ping().count() > 0);  // the control: it was the folder
}

TEST_CASE("the folder in /tmp is looked at as well") {
  if (geteuid() != 0) return;
  const std::string folder = "/tmp/h5cap-" + std::to_string(getuid());
  if (fs::exists(folder)) return;  // somebody uses it
  Place place;
  unsetenv("XDG_RUNTIME_DIR");
  FakeServer server({{"/line", counting({10}, 4)}});
  fs::create_directory(folder);
  fs::create_symlink(server.socketPath(), folder + "/h5cap.sock");
  chmod(folder.c_str(), 0700);
  CHECK(connect("h5cap:///", brief()).ping().count() > 0);
  CHECK(chown(folder.c_str(), SOMEBODY, SOMEBODY) == 0);
  CHECK_THROWS_AS(connect("h5cap:///", brief()), Denied);
  fs::remove_all(folder);
}

TEST_CASE("another user's server is not taken for one's own") {
  if (geteuid() != 0) return;
  Place place;
  Stranger stranger(place.run + "/h5cap.sock");
  CHECK_THROWS_AS(connect("h5cap:///", brief()), Denied);
  CHECK_NOTHROW(connect("h5cap+unix:///" + place.run.substr(1) + "/h5cap.sock", brief()));  // it was asked for
}
