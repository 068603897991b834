// h5capd: serves folders of HDF5 files.
#include <kj/exception.h>

#include <cstdio>
#include <exception>
#include <stdexcept>

#include "server/options.h"
#include "server/program.h"

int main(int argc, char** argv) {
  try {
    auto options = h5cap::parseOptions(argc, argv);
    return options ? h5cap::serve(*options) : 0;
  } catch (const h5cap::UsageError& problem) {
    std::fprintf(stderr, "h5capd: %s\n", problem.what());
    return 2;
  } catch (const kj::Exception& problem) {
    std::fprintf(stderr, "h5capd: %s\n", problem.getDescription().cStr());
  } catch (const std::invalid_argument& problem) {
    std::fprintf(stderr, "h5capd: %s\n", problem.what());
    return 2;
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "h5capd: %s\n", problem.what());
  }
  return 1;
}
