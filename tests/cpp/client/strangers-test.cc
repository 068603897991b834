// Nobody waits for a stranger: a server, or the ssh that leads to one, that hangs or does not end keeps only those
// waiting who asked it.
#include <doctest/doctest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "h5cap/client.h"
#include "tests/support/fake-server.h"

using namespace h5cap;
using namespace h5cap::test;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

// A program in ssh's place.
class Ssh {
 public:
  explicit Ssh(const std::string& text) {
    char name[] = "/tmp/h5cap-stranger-XXXXXX";
    close(mkstemp(name));
    path_ = name;
    std::ofstream(path_) << text;
    setenv("H5CAP_SSH", ("/bin/sh " + path_).c_str(), 1);
  }
  ~Ssh() {
    unsetenv("H5CAP_SSH");
    unlink(path_.c_str());
  }

 private:
  std::string path_;
};

bool hasChildren() { return waitpid(-1, nullptr, WNOHANG) >= 0; }

}  // namespace

TEST_CASE("connections whose ssh does not end keep nobody else waiting") {
  FakeServer server({{"/line", counting({1000}, 4)}});
  Session good = connect(server.url());
  good.ping();
  Ssh ssh("trap '' TERM\nexec 0<&- 1>&-\nwhile :; do sleep 1; done\n");
  constexpr int MANY = 40;  // which took 2 s of the loop's thread
  {
    std::vector<Session> strangers;
    for (int i = 0; i < MANY; ++i) strangers.push_back(connect("h5cap+ssh://nobody@nowhere/tmp"));
    std::this_thread::sleep_for(300ms);  // until they ignore what asks them to end
  }
  std::chrono::nanoseconds longest{0};
  const auto end = Clock::now() + 1s;
  while (Clock::now() < end) longest = std::max(longest, good.ping());
  MESSAGE("longest of the others' round trips: " << longest / 1us << " us");
  CHECK(longest < 700ms);
  CHECK(hasChildren());
  for (int i = 0; i < 3000 && hasChildren(); ++i) std::this_thread::sleep_for(10ms);
  CHECK(!hasChildren());  // those that would not end were ended
}

TEST_CASE("a server that hangs keeps nobody waiting who asked another one") {
  FakeServer good({{"/line", counting({1000}, 4)}}), hung({{"/line", counting({1000}, 4)}});
  hung.fault = Fault::neverAnswers;
  ConnectOptions patient;
  patient.timeout = 20s;
  auto stranger = openUrl(hung.url("file.h5"), {}, patient).dataset("/line");
  stranger.info();
  std::vector<std::thread> waiting;
  std::atomic<int> answered{0};
  std::atomic<bool> giveUp{false};
  patient.interrupted = [&] {
    if (giveUp) throw std::runtime_error("enough");
  };
  auto slow = openUrl(hung.url("file.h5"), {}, patient).dataset("/line");
  for (int i = 0; i < 4; ++i) {
    waiting.emplace_back([&] {
      try {
        slow.read<int>();
        ++answered;
      } catch (const std::exception&) {
      }
    });
  }
  while (hung.readsUnderWay < 4) std::this_thread::sleep_for(1ms);
  const auto before = Clock::now();
  for (int i = 0; i < 50; ++i) CHECK(openUrl(good.url("file.h5")).dataset("/line")[{i}].read<int>()[0] == i);
  CHECK(Clock::now() - before < 5s);
  CHECK(hung.readsUnderWay == 4);  // the control: they were still waiting
  giveUp = true;
  for (auto& thread : waiting) thread.join();
  CHECK(answered == 0);
}
