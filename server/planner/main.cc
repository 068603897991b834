// h5cap-planner: the only program of the server that runs libhdf5.  h5capd starts it; nobody else has a use for it.
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <exception>

#include "server/planner/zygote.h"

int main(int argc, char** argv) {
  if (argc != 2 || std::strcmp(argv[1], "--zygote") != 0) {
    std::fprintf(stderr, "usage: h5cap-planner --zygote\nStarted by h5capd, with a socket as descriptor 3.\n");
    return 2;
  }
  try {
    _exit(h5cap::hdf5::runZygote());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "h5cap-planner: %s\n", error.what());
    _exit(1);
  }
}
