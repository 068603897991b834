// What the client does when the other end misbehaves, is not there, or never answers; waits given up; fork and exit.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <string>
#include <thread>

#include "h5cap/client.h"
#include "tests/support/fake-server.h"

using namespace h5cap;
using namespace h5cap::test;
using namespace std::chrono_literals;

namespace {

std::map<std::string, FakeDataset> sample() {
  FakeDataset strings;
  strings.type = DataType(16, VariableStringType{});
  strings.shape = {4};
  return {{"/line", counting({1000}, 4)}, {"/strings", strings}};
}

ConnectOptions impatient(std::chrono::milliseconds timeout = 200ms) {
  ConnectOptions options;
  options.timeout = timeout;
  return options;
}

template <class F>
std::string messageOf(F&& f) {
  try {
    f();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

// A TCP server that says `words` to whoever connects, and no more.
class Impostor {
 public:
  explicit Impostor(std::string words) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    socklen_t size = sizeof(address);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    url = "h5cap+tcp://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    listen(listener_, 5);
    thread_ = std::thread([this, words = std::move(words)] {
      int fd = accept(listener_, nullptr, nullptr);
      char bytes[256];
      if (fd < 0) return;
      if (recv(fd, bytes, sizeof(bytes), 0) > 0) send(fd, words.data(), words.size(), MSG_NOSIGNAL);
      while (recv(fd, bytes, sizeof(bytes), 0) > 0) {
      }
      close(fd);
    });
  }
  ~Impostor() {
    shutdown(listener_, SHUT_RDWR);
    close(listener_);
    thread_.join();
  }
  std::string url;

 private:
  int listener_;
  std::thread thread_;
};

}  // namespace

TEST_CASE("errors of the server arrive as their classes") {
  FakeServer server(sample());
  Session session = connect(server.url());
  CHECK_THROWS_AS(session.open("absent.h5").wait(), NotFound);
  CHECK_THROWS_AS(session.open("secret.h5").dataset("/line").read<int>(), Denied);
  auto file = session.open("file.h5");
  CHECK_THROWS_AS(file.dataset("/absent").read<int>(), NotFound);
  CHECK_THROWS_AS(file.dataset("/absent").info(), NotFound);
  CHECK_THROWS_AS(file.dataset("/line")[{5000}].read<int>(), BadSelection);
  CHECK_THROWS_AS(file.dataset("/").read<int>(), BadType);
  file.info();
  CHECK_THROWS_AS(file.attributes().read<int>("no such answer"), NotFound);
  CHECK_THROWS_AS(connect("h5cap://localhost/"), Unimplemented);
  CHECK_THROWS_AS(connect("http://localhost/"), std::invalid_argument);
}

TEST_CASE("replies that do not fit the question are refused") {
  FakeServer server(sample());
  for (auto fault : {Fault::countTooLarge, Fault::countTooSmall, Fault::bytesMissing, Fault::wrongFirst,
                     Fault::wrongSelected, Fault::noProgress, Fault::hugeShape}) {
    CAPTURE(static_cast<int>(fault));
    Session session = connect(server.url(), impatient(5s));
    auto dataset = session.open("file.h5").dataset("/line");
    server.fault = fault;
    CHECK_THROWS_AS(dataset.read<int>(), FileError);
    server.fault = Fault::none;
    CHECK(dataset[{7}].read<int>()[0] == 7);  // the connection is none the worse
  }
}

TEST_CASE("places outside the heap are refused") {
  FakeServer server(sample());
  server.fault = Fault::placeOutsideHeap;
  CHECK_THROWS_AS(connect(server.url()).open("file.h5").dataset("/strings").read<std::string>(), FileError);
}

TEST_CASE("an oversized message ends the connection") {
  FakeServer server(sample());
  auto dataset = connect(server.url(), impatient(5s)).open("file.h5").dataset("/line");
  dataset.info();
  server.fault = Fault::oversizedMessage;
  CHECK_THROWS_AS(dataset.read<int>(), Disconnected);
}

TEST_CASE("a server that goes away mid-read") {
  FakeServer server(sample());
  Session session = sharedSession(server.url());
  auto dataset = session.open("file.h5").dataset("/line");
  dataset.info();
  server.fault = Fault::hangsUpOnRead;
  std::string message = messageOf([&] { dataset.read<int>(); });
  CAPTURE(message);
  CHECK(message.find(server.url()) != std::string::npos);
  CHECK_THROWS_AS(dataset.read<int>(), Disconnected);

  // The next session finds a new connection.
  server.fault = Fault::none;
  while (server.hangUp) std::this_thread::sleep_for(1ms);
  CHECK(openUrl(server.url("file.h5")).dataset("/line")[{3}].read<int>()[0] == 3);
  int connections = server.connections;
  CHECK(openUrl(server.url("file.h5")).dataset("/line")[{4}].read<int>()[0] == 4);
  CHECK(server.connections == connections);
}

TEST_CASE("a wait ends at its deadline, and the call is cancelled at the server") {
  FakeServer server(sample());
  auto dataset = connect(server.url(), impatient()).open("file.h5").dataset("/line");
  dataset.info();
  server.fault = Fault::neverAnswers;
  auto before = std::chrono::steady_clock::now();
  try {
    dataset.read<int>();
    FAIL("it answered");
  } catch (const Busy& error) {
    CHECK(error.code() == ErrorCode::deadline);
  }
  CHECK(std::chrono::steady_clock::now() - before < 2s);
  for (int i = 0; i < 1000 && server.readsUnderWay > 0; ++i) std::this_thread::sleep_for(1ms);
  CHECK(server.reads == 1);
  CHECK(server.readsUnderWay == 0);
}

TEST_CASE("whoever waits may give up") {
  FakeServer server(sample());
  ConnectOptions options;
  int asked = 0;
  options.interrupted = [&] {
    if (++asked == 3) throw std::domain_error("enough");
  };
  auto dataset = connect(server.url(), options).open("file.h5").dataset("/line");
  dataset.info();
  server.fault = Fault::neverAnswers;
  CHECK_THROWS_AS(dataset.read<int>(), std::domain_error);
  for (int i = 0; i < 1000 && server.readsUnderWay > 0; ++i) std::this_thread::sleep_for(1ms);
  CHECK(server.readsUnderWay == 0);
}

TEST_CASE("a closed session is disconnected") {
  FakeServer server(sample());
  Session session = connect(server.url());
  auto file = session.open("file.h5");
  file.wait();
  session.close();
  CHECK_THROWS_AS(file.dataset("/line").read<int>(), Disconnected);
  CHECK_THROWS_AS(session.ping(), Disconnected);
}

TEST_CASE("nothing listens, or something else does") {
  CHECK_THROWS_AS(connect("h5cap+unix://%2Ftmp%2Fh5cap-nobody-here/"), Disconnected);
  CHECK_THROWS_AS(connect("h5cap+tcp://127.0.0.1:1/"), Disconnected);
  for (std::string words : {std::string("HTTP/1.1 400 Bad Request\r\n\r\n"), std::string(64, '\xff'),
                            std::string(8, '\0') + "x", std::string("\0\0\0\0\xff\xff\xff\x7f", 8)}) {
    CAPTURE(words);
    Impostor impostor(words);
    auto before = std::chrono::steady_clock::now();
    std::string message = messageOf([&] { connect(impostor.url).ping(); });
    CHECK(message.find("127.0.0.1:") != std::string::npos);
    CHECK(std::chrono::steady_clock::now() - before < 30s);
  }
}

TEST_CASE("ssh that fails says why") {
  char script[] = "/tmp/h5cap-ssh-XXXXXX";
  int fd = mkstemp(script);
  REQUIRE(fd >= 0);
  const std::string text = "echo no route to \"$@\" >&2; exit 255\n";
  CHECK(write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  close(fd);
  setenv("H5CAP_SSH", ("/bin/sh " + std::string(script)).c_str(), 1);
  std::string message = messageOf([] { connect("h5cap+ssh://nobody@nowhere/tmp").ping(); });
  unsetenv("H5CAP_SSH");
  unlink(script);
  CAPTURE(message);
  CHECK(message.find("h5cap+ssh://nobody@nowhere") != std::string::npos);
  CHECK(message.find("no route to -T -o BatchMode=") != std::string::npos);
  CHECK(message.find("-- nobody@nowhere h5capd --stdio") != std::string::npos);
  CHECK_THROWS_AS(connect("h5cap+ssh://-oProxyCommand=id/tmp"), std::invalid_argument);
}

TEST_CASE("a forked child makes connections of its own") {
  FakeServer server(sample());
  Session session = sharedSession(server.url());
  auto dataset = session.open("file.h5").dataset("/line");
  dataset.info();
  std::cout.flush();
  pid_t child = fork();
  if (child == 0) {
    alarm(20);
    int result = 1;
    try {
      // Handles of the parent's find a connection of the child's own; so do new ones.
      result = dataset[{8}].read<int>()[0] == 8 ? 0 : 1;
      if (openUrl(server.url("file.h5")).dataset("/line")[{9}].read<int>()[0] != 9) result = 2;
    } catch (...) {
      result = 3;
    }
    _exit(result);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(dataset[{5}].read<int>()[0] == 5);  // the parent's is untouched
}

TEST_CASE("a process exits cleanly with connections open and reads under way") {
  FakeServer server(sample());
  server.fault = Fault::neverAnswers;
  std::cout.flush();
  pid_t child = fork();
  if (child == 0) {
    alarm(20);
    static Session session = sharedSession(server.url());
    static auto dataset = session.open("file.h5").dataset("/line");
    static auto pending = dataset.view().readPackedAsync();
    std::this_thread::sleep_for(50ms);
    // As a program's exit would: handlers and destructors of statics run.
    std::exit(0);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}
