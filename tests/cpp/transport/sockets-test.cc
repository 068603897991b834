// Covers Unix sockets: mode, dead and living ones, removal; TCP addresses; the command line and its file.
#include "server/transport/sockets.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "server/options.h"

using namespace h5cap;

namespace {

struct Folder {
  Folder() {
    char name[] = "/tmp/h5cap-server-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path;
};

ServerOptions parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "h5capd");
  return parseOptions(arguments.size(), arguments.data()).value();
}

}  // namespace

TEST_CASE("a socket is the user's alone; a dead one is replaced, a living one is not") {
  Folder folder;
  const std::string path = folder.path + "/h5cap.sock";
  {
    auto first = UnixSocket::listen(path, LivingSocket::raise);
    REQUIRE(first);
    struct stat status{};
    REQUIRE(stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
    CHECK_THROWS_AS(UnixSocket::listen(path, LivingSocket::raise), std::runtime_error);
    CHECK(!UnixSocket::listen(path, LivingSocket::skip));
    REQUIRE(link(path.c_str(), (path + ".kept").c_str()) == 0);
  }
  CHECK(access(path.c_str(), F_OK) != 0);
  std::filesystem::rename(path + ".kept", path);  // what a killed server leaves
  CHECK(UnixSocket::listen(path, LivingSocket::raise));
  std::ofstream(folder.path + "/file") << "no socket";
  CHECK_THROWS_AS(UnixSocket::listen(folder.path + "/file", LivingSocket::raise), std::runtime_error);
}

TEST_CASE("the default socket's folder has to be the user's own and closed to others") {
  Folder folder;
  setenv("XDG_RUNTIME_DIR", folder.path.c_str(), 1);
  CHECK(UnixSocket::listen("", LivingSocket::raise));
  chmod(folder.path.c_str(), 0755);
  CHECK_THROWS_AS(UnixSocket::listen("", LivingSocket::raise), std::runtime_error);
  unsetenv("XDG_RUNTIME_DIR");
}

TEST_CASE("TCP addresses") {
  auto socket = listenTcp("127.0.0.1:0");
  CHECK(socket.port != 0);
  CHECK(socket.host == "127.0.0.1");
  for (const char* bad : {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000", "::1:5515", "192.0.2.1:0"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(listenTcp(bad), std::runtime_error);
  }
  CHECK_THROWS_AS(listenTcp("127.0.0.1:" + std::to_string(socket.port)), std::runtime_error);
}

TEST_CASE("the command line wins over the configuration file; nothing is ignored") {
  Folder folder;
  const std::string file = folder.path + "/h5capd.toml";
  std::ofstream(file) << "serve = ['a', 'b=c']\nlisten = '127.0.0.1:0'\ninsecure = true\nthreads = 3\nsocket = 's'\n";
  auto options = parse({"--config", file.c_str()});
  CHECK(options.serve == std::vector<std::string>{"a", "b=c"});
  CHECK(options.listen == std::vector<std::string>{"127.0.0.1:0"});
  CHECK(options.insecure);
  CHECK(options.threads == 3);
  CHECK(options.socket == "s");
  options = parse({"--config", file.c_str(), "--threads", "5", "d"});
  CHECK(options.threads == 5);
  CHECK(options.serve == std::vector<std::string>{"d"});

  CHECK(parse({"--listen", "127.0.0.1:0", "--insecure", "folder"}).serve == std::vector<std::string>{"folder"});
  CHECK(parse({"--stdio"}).serve.empty());
  CHECK_THROWS_AS(parse({}), UsageError);
  CHECK_THROWS_AS(parse({"--listen", "127.0.0.1:0", "folder"}), UsageError);
  CHECK_THROWS_AS(parse({"--stdio", "--socket", "s"}), UsageError);
  CHECK_THROWS_AS(parse({"--unknown", "folder"}), UsageError);
  for (const char* bad : {"colour = 1", "threads = 'x'", "listen = [1]", "serve = "}) {
    CAPTURE(bad);
    std::ofstream(file) << bad << '\n';
    CHECK_THROWS_AS(parse({"--config", file.c_str(), "folder"}), UsageError);
  }
}
