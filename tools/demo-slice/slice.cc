// demo-slice SERVER FILE DATASET: a corner of the middle frame of a stack of 16-bit images, and what it cost.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>

#include "h5cap/client.h"

int main(int argc, char** argv) try {
  if (argc != 4) {
    std::fprintf(stderr, "usage: demo-slice SERVER FILE DATASET\n");
    return 2;
  }
  h5cap::Session session = h5cap::connect(argv[1]);
  h5cap::File file = session.open(argv[2]);
  h5cap::View view = file.dataset(argv[3])[{42, h5cap::range(0, 64), h5cap::range(0, 64)}];  // no bytes yet

  h5cap::Array<std::uint16_t> corner = view.read<std::uint16_t>();  // one round trip: open, find, read

  h5cap::Traffic traffic = session.traffic();
  auto [least, most] = std::minmax_element(corner.begin(), corner.end());
  std::printf("C++:    data[42, :64, :64] has %zu elements, %d to %d\n", corner.size(), int(*least), int(*most));
  std::printf("        %zu bytes of pixels; on the wire: %llu bytes received, %llu sent, %llu round trip(s)\n",
              corner.size() * sizeof(std::uint16_t), static_cast<unsigned long long>(traffic.bytesReceived),
              static_cast<unsigned long long>(traffic.bytesSent), static_cast<unsigned long long>(traffic.roundTrips));
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "demo-slice: %s\n", error.what());
  return 1;
}
