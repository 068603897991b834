// Slices without a server, and reads from one whose address is given.
#include <h5cap/client.h>

#include <iostream>

int main(int argc, char** argv) {
  auto region = h5cap::resolve({42, h5cap::range(0, 64), h5cap::all}, {100, 512, 1024});
  if (region.shape() != h5cap::Shape{64, 1024}) return 1;
  try {
    h5cap::connect("h5cap+unix://%2Fnobody%2Fhere");
    return 1;
  } catch (const h5cap::Disconnected& error) {
    std::cout << error.what() << "\n";
  }
  if (argc == 3) std::cout << h5cap::openUrl(argv[1]).dataset(argv[2]).read<double>().size() << " elements\n";
}
