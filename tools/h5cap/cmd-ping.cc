#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "command.h"
#include "h5cap/printable.h"
#include "output.h"
#include "target.h"

namespace h5cap::cli {

void runPing(const Arguments& arguments) {
  Target target = connectTarget(arguments);
  ServerInfo server = target.session.serverInfo();
  print(fmt::format("{}: {}, protocol {}, HDF5 {}\n", printable(target.session.url()),
                    printable(server.software), server.protocol, printable(server.libraryVersion)));
  std::vector<double> milliseconds;
  for (unsigned i = 0; i < arguments.count; ++i) {
    milliseconds.push_back(std::chrono::duration<double, std::milli>(target.session.ping()).count());
    print(fmt::format("{}: {:.3f} ms\n", i + 1, milliseconds.back()));
  }
  double sum = 0;
  for (double value : milliseconds) sum += value;
  auto [least, most] = std::minmax_element(milliseconds.begin(), milliseconds.end());
  print(fmt::format("round trip min/mean/max {:.3f}/{:.3f}/{:.3f} ms\n", *least,
                    sum / static_cast<double>(milliseconds.size()), *most));
}

}  // namespace h5cap::cli
