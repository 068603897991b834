#include "server/base/log.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <ctime>
#include <deque>
#include <map>
#include <system_error>
#include <utility>

#include "server/base/guarded-value.h"
#include "server/base/start-thread.h"

namespace h5cap {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t maxLineBytes = 4096, maxQueuedBytes = 256 << 10;

// Of each peer: so many lines at once, and so many a second.
constexpr double linesAtOnce = 20, linesPerSecond = 1;
constexpr std::size_t maxPeers = 1024;
constexpr std::chrono::seconds betweenReports{1};

struct Line {
  int descriptor;
  std::string text;
};

// What one peer may cause.
struct Allowance {
  double lines = linesAtOnce;
  steady_clock::time_point at = steady_clock::now();
  std::uint64_t dropped = 0;

  void refill() {
    const auto now = steady_clock::now();
    lines = std::min(linesAtOnce, lines + std::chrono::duration<double>(now - at).count() * linesPerSecond);
    at = now;
  }
};

// As it is logged: with the time, and nothing that a terminal would obey.
std::string stamped(std::string text) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  tm local{};
  localtime_r(&now.tv_sec, &local);
  char time[32], milliseconds[8];
  std::strftime(time, sizeof time, "%Y-%m-%d %H:%M:%S", &local);
  std::snprintf(milliseconds, sizeof milliseconds, ".%03d ", static_cast<int>(now.tv_nsec / 1'000'000 % 1000));
  for (char& character : text)
    if (static_cast<unsigned char>(character) < ' ') character = ' ';
  return std::string(time) + milliseconds + text;
}

void writeAll(int descriptor, const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t count = ::write(descriptor, text.data() + at, text.size() - at);
    if (count >= 0) {
      at += count;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      pollfd room{descriptor, POLLOUT, 0};
      ::poll(&room, 1, -1);
    } else if (errno != EINTR) {
      return;
    }
  }
}

class Log {
 public:
  void add(int descriptor, std::string text) {
    auto inside = inside_.lock();
    addTo(*inside, descriptor, std::move(text));
    arrived_.notify_one();
  }

  void addOf(const std::string& peer, const std::string& text) {
    auto inside = inside_.lock();
    if (inside->peers.size() >= maxPeers && inside->peers.count(peer) == 0) forgetQuiet(*inside);
    auto& allowance = inside->peers[inside->peers.size() < maxPeers || inside->peers.count(peer) > 0 ? peer : "others"];
    allowance.refill();
    if (allowance.lines < 1) {
      ++allowance.dropped;
      startWriter(*inside);
      arrived_.notify_one();
      return;
    }
    allowance.lines -= 1;
    addTo(*inside, STDERR_FILENO, stamped(peer + ": " + text));
    arrived_.notify_one();
  }

  void flush(std::chrono::milliseconds patience) {
    auto inside = inside_.lock();
    reportDropped(*inside, 0);
    arrived_.notify_one();
    if (!inside->hasWriter) return;
    inside.waitFor(written_, patience, [&] { return inside->lines.empty() && !inside->isWriting; });
  }

 private:
  struct Inside {
    std::deque<Line> lines;
    std::size_t bytes = 0;
    std::uint64_t dropped = 0;  // for want of room
    std::map<std::string, Allowance> peers;
    bool hasWriter = false, isWriting = false;
  };

  void addTo(Inside& inside, int descriptor, std::string text) {
    if (text.size() > maxLineBytes) text.resize(maxLineBytes);
    if (inside.dropped > 0 && inside.bytes + 2 * maxLineBytes <= maxQueuedBytes) {
      auto report = stamped(std::to_string(std::exchange(inside.dropped, 0)) + " lines dropped");
      push(inside, STDERR_FILENO, std::move(report));
    }
    if (inside.bytes + maxLineBytes > maxQueuedBytes)
      ++inside.dropped;
    else
      push(inside, descriptor, std::move(text));
    startWriter(inside);
  }

  void push(Inside& inside, int descriptor, std::string text) {
    text += '\n';
    inside.bytes += text.size();
    inside.lines.push_back({descriptor, std::move(text)});
  }

  // Of those who may have `least` lines again.
  void reportDropped(Inside& inside, double least) {
    for (auto& [peer, allowance] : inside.peers) {
      if (allowance.dropped == 0) continue;
      allowance.refill();
      if (allowance.lines < least) continue;
      allowance.lines = std::max(allowance.lines - 1, 0.0);
      const auto count = std::exchange(allowance.dropped, 0);
      addTo(inside, STDERR_FILENO, stamped(peer + ": " + std::to_string(count) + " lines dropped"));
    }
  }

  void forgetQuiet(Inside& inside) {
    for (auto& [peer, allowance] : inside.peers) allowance.refill();
    std::erase_if(inside.peers, [](const auto& one) {
      return one.second.dropped == 0 && one.second.lines >= linesAtOnce;
    });
  }

  void startWriter(Inside& inside) {
    if (inside.hasWriter) return;
    try {
      startThread([this] { write(); });
      inside.hasWriter = true;
    } catch (const std::system_error&) {
      // the next line tries again
    }
  }

  static bool hasDropped(const Inside& inside) {
    return std::any_of(inside.peers.begin(), inside.peers.end(),
                       [](const auto& one) { return one.second.dropped > 0; });
  }

  Line next() {
    auto inside = inside_.lock();
    inside->isWriting = false;
    while (inside->lines.empty()) {
      written_.notify_all();
      const bool hasReport = hasDropped(*inside);
      if (hasReport)
        inside.waitFor(arrived_, betweenReports, [&] { return !inside->lines.empty(); });
      else
        inside.wait(arrived_, [&] { return !inside->lines.empty() || hasDropped(*inside); });
      if (hasReport) reportDropped(*inside, linesAtOnce / 4);
    }
    Line line = std::move(inside->lines.front());
    inside->lines.pop_front();
    inside->bytes -= line.text.size();
    inside->isWriting = true;
    return line;
  }

  void write() {
    pthread_setname_np(pthread_self(), "log");
    for (;;) {
      const Line line = next();
      writeAll(line.descriptor, line.text);
    }
  }

  GuardedValue<Inside> inside_;
  std::condition_variable arrived_, written_;
};

// Never destroyed: its thread goes on until the process ends.
Log& theLog() {
  static Log& log = *new Log;
  return log;
}

}  // namespace

void logLine(const std::string& text) { theLog().add(STDERR_FILENO, stamped(text)); }

void logLine(const std::string& peer, const std::string& text) { theLog().addOf(peer, text); }

void printLine(Stream stream, const std::string& text) {
  theLog().add(stream == Stream::output ? STDOUT_FILENO : STDERR_FILENO, text);
}

void flushLog(std::chrono::milliseconds patience) { theLog().flush(patience); }

}  // namespace h5cap
