// Defaults of the command line: `H5CAP_URL` and `H5CAP_TIMEOUT`, else `url` and `timeout` in
// ~/.config/h5cap/config.toml.
#pragma once

#include <chrono>
#include <string>

namespace h5cap::cli {

struct Defaults {
  std::string url = "h5cap://";  // what an address without a scheme continues
  std::chrono::milliseconds timeout{60'000};
};

// Throws UsageError naming the variable or file that it cannot read.
Defaults loadDefaults();

}  // namespace h5cap::cli
