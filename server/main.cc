// h5capd: serves folders of HDF5 files.
#include <kj/exception.h>

#include <exception>
#include <stdexcept>
#include <string>

#include "server/base/log.h"
#include "server/options.h"
#include "server/program.h"

namespace {

int complain(int status, const char* what) {
  h5cap::printLine(h5cap::Stream::error, std::string("h5capd: ") + what);
  return status;
}

int run(int argc, char** argv) {
  try {
    auto options = h5cap::parseOptions(argc, argv);
    return options ? h5cap::serve(*options) : 0;
  } catch (const h5cap::UsageError& problem) {
    return complain(2, problem.what());
  } catch (const kj::Exception& problem) {
    return complain(1, problem.getDescription().cStr());
  } catch (const std::invalid_argument& problem) {
    return complain(2, problem.what());
  } catch (const std::exception& problem) {
    return complain(1, problem.what());
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int status = run(argc, argv);
  h5cap::flushLog();
  return status;
}
