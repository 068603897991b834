#include "server/base/log.h"

#include <cstdio>
#include <ctime>

namespace h5cap {

void logLine(const std::string& text) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  tm local{};
  localtime_r(&now.tv_sec, &local);
  char time[32];
  std::strftime(time, sizeof time, "%Y-%m-%d %H:%M:%S", &local);
  std::string line = text;
  for (char& character : line)
    if (static_cast<unsigned char>(character) < ' ') character = ' ';
  std::fprintf(stderr, "%s.%03ld %s\n", time, now.tv_nsec / 1'000'000, line.c_str());
}

}  // namespace h5cap
