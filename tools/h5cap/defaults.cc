#include "defaults.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "command.h"

namespace h5cap::cli {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::chrono::milliseconds milliseconds(double seconds, const std::string& where) {
  if (!(seconds > 0) || seconds > 1e6) {
    throw UsageError(fmt::format("{}: a timeout is a number of seconds above zero", where));
  }
  return std::chrono::milliseconds(std::llround(seconds * 1000));
}

std::filesystem::path configurationFile() {
  std::string base = variable("XDG_CONFIG_HOME");
  if (base.empty()) base = variable("HOME").empty() ? "" : variable("HOME") + "/.config";
  return base.empty() ? std::filesystem::path() : std::filesystem::path(base) / "h5cap" / "config.toml";
}

void readConfiguration(const std::filesystem::path& file, Defaults& defaults) {
  std::error_code ignored;
  if (file.empty() || !std::filesystem::exists(file, ignored)) return;
  try {
    for (const auto& [key, value] : toml::parse_file(file.string())) {
      if (key == "url" && value.is_string()) {
        defaults.url = value.as_string()->get();
      } else if (key == "timeout" && value.is_number()) {
        defaults.timeout = milliseconds(*value.value<double>(), file.string());
      } else {
        throw UsageError(
            fmt::format("{}: {}: url (text) and timeout (seconds) are what can be set", file.string(), key.str()));
      }
    }
  } catch (const toml::parse_error& error) {
    throw UsageError(fmt::format("{}:{}: {}", file.string(), error.source().begin.line, error.description()));
  }
}

}  // namespace

Defaults loadDefaults() {
  Defaults defaults;
  readConfiguration(configurationFile(), defaults);
  if (std::string url = variable("H5CAP_URL"); !url.empty()) defaults.url = url;
  if (std::string text = variable("H5CAP_TIMEOUT"); !text.empty()) {
    char* end = nullptr;
    double seconds = std::strtod(text.c_str(), &end);
    defaults.timeout = milliseconds(*end ? -1 : seconds, "H5CAP_TIMEOUT");
  }
  return defaults;
}

}  // namespace h5cap::cli
