// h5cap-planner: the only program of the server that runs libhdf5.  h5capd starts it; nobody else has a use for it.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "server/planner/open-file.h"
#include "server/planner/zygote.h"

namespace {

// What libhdf5 takes from the environment (drivers, connectors, debugging) is not for whoever starts the server to
// choose; plugins are (plugins.h).
void forgetEnvironment() {
  std::vector<std::string> names;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view name(*entry, std::strcspn(*entry, "="));
    if ((name.starts_with("HDF5_") || name.starts_with("H5")) && !name.starts_with("H5CAP_") &&
        name != "HDF5_PLUGIN_PATH")
      names.emplace_back(name);
  }
  for (const std::string& name : names) unsetenv(name.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  forgetEnvironment();
  if (argc == 2 && std::strcmp(argv[1], "--version") == 0) {
    std::printf("h5cap-planner, libhdf5 %s\n", h5cap::hdf5::libraryVersion().c_str());
    return 0;
  }
  if (argc != 2 || std::strcmp(argv[1], "--zygote") != 0) {
    std::fprintf(stderr, "usage: h5cap-planner --zygote | --version\n"
                         "Started by h5capd, with a socket as descriptor 3.\n");
    return 2;
  }
  try {
    _exit(h5cap::hdf5::runZygote());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "h5cap-planner: %s\n", error.what());
    _exit(1);
  }
}
