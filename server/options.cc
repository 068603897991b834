#include "server/options.h"

#include <toml++/toml.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>

#include "server/objects/service.h"
#include "server/planner-program.h"

namespace h5cap {
namespace {

[[noreturn]] void badKey(const std::string& file, const std::string& key, const char* expected) {
  throw UsageError(file + ": '" + key + "' must be " + expected);
}

std::vector<std::string> strings(const std::string& file, const std::string& key, const toml::node& node) {
  std::vector<std::string> result;
  if (auto one = node.value<std::string>()) return {*one};
  const toml::array* list = node.as_array();
  if (list == nullptr) badKey(file, key, "a string or a list of strings");
  for (const toml::node& entry : *list) {
    auto text = entry.value_exact<std::string>();
    if (!text) badKey(file, key, "a string or a list of strings");
    result.push_back(*text);
  }
  return result;
}

bool boolean(const std::string& file, const std::string& key, const toml::node& node) {
  auto value = node.value_exact<bool>();
  if (!value) badKey(file, key, "true or false");
  return *value;
}

unsigned number(const std::string& file, const std::string& key, const toml::node& node) {
  auto value = node.value_exact<std::int64_t>();
  if (!value || *value < 0 || *value > 1'000'000) badKey(file, key, "a number from 0 to 1000000");
  return static_cast<unsigned>(*value);
}

// A number of seconds for all exports, or texts as on the command line.
std::vector<std::string> settleTimes(const std::string& file, const std::string& key, const toml::node& node) {
  if (auto seconds = node.value_exact<std::int64_t>()) return {std::to_string(*seconds)};
  if (auto seconds = node.value_exact<double>()) return {std::to_string(*seconds)};
  return strings(file, key, node);
}

LaneRule laneRule(const std::string& where, const std::string& text) {
  if (text == "auto") return LaneRule::byType;
  if (text == "always") return LaneRule::always;
  throw UsageError(where + ": lane is 'auto' or 'always', not '" + text + "'");
}

ServerOptions readFile(const std::string& file) {
  ServerOptions options;
  toml::table table;
  try {
    table = toml::parse_file(file);
  } catch (const toml::parse_error& problem) {
    throw UsageError(file + ": line " + std::to_string(problem.source().begin.line) + ": " +
                     std::string(problem.description()));
  }
  for (auto&& [name, node] : table) {
    const std::string key(name.str());
    if (key == "serve")
      options.serve = strings(file, key, node);
    else if (key == "listen")
      options.listen = strings(file, key, node);
    else if (key == "insecure")
      options.insecure = boolean(file, key, node);
    else if (key == "socket")
      options.socket = strings(file, key, node).at(0);
    else if (key == "stdio")
      options.stdio = boolean(file, key, node);
    else if (key == "threads")
      options.threads = number(file, key, node);
    else if (key == "settle")
      options.settle = settleTimes(file, key, node);
    else if (key == "lane")
      options.laneRule = laneRule(file, strings(file, key, node).at(0));
    else if (key == "plugins")
      options.plugins = strings(file, key, node);
    else if (key == "idle")
      options.idleSeconds = number(file, key, node);
    else if (key == "reply-bytes")
      options.replyBytes = number(file, key, node);
    else if (key == "cache-mb")
      options.cacheMegabytes = number(file, key, node);
    else
      throw UsageError(file + ": no option is called '" + key + "'");
  }
  return options;
}

// Without a planner it is still this program's version that was asked for.
std::string versionText() {
  try {
    return softwareName() + "\n" + plannerVersion(plannerProgram());
  } catch (const std::exception& problem) {
    return softwareName() + "\n" + problem.what();
  }
}

void check(const ServerOptions& options) {
  if (options.serve.empty() && !options.stdio)
    throw UsageError("nothing to serve: name at least one folder, as DIR or NAME=DIR");
  if (!options.listen.empty() && !options.insecure)
    throw UsageError(
        "plain TCP is not served without --insecure: whoever reaches the port could read everything, other accounts of "
        "this machine included");
  for (const std::string& folder : options.plugins)
    if (!std::filesystem::is_directory(folder)) throw UsageError("--plugins: '" + folder + "' is no folder");
  if (options.stdio && (!options.listen.empty() || !options.socket.empty()))
    throw UsageError("--stdio serves one peer on standard input and output; it cannot be combined with sockets");
}

}  // namespace

std::optional<ServerOptions> parseOptions(int argc, const char* const* argv) {
  ServerOptions given;
  std::string config, laneText;
  CLI::App app("Serves folders of HDF5 files, read-only.", "h5capd");
  app.set_version_flag("--version", versionText);
  auto* serve = app.add_option("serve", given.serve, "Folders to serve, each at /NAME/ (its base name by default)")
                    ->type_name("DIR|NAME=DIR");
  auto* listen = app.add_option("--listen", given.listen, "Also listen on TCP; port 0 picks one; repeatable")
                     ->type_name("ADDR:PORT")
                     ->allow_extra_args(false);
  auto* insecure = app.add_flag("--insecure", given.insecure, "Allow plain TCP: anyone who reaches the port may read");
  auto* socket =
      app.add_option("--socket", given.socket, "The Unix socket (default: the user's own)")->type_name("FILE");
  app.add_option("--config", config, "A TOML file with a key for every option ('serve' for the folders)")
      ->type_name("FILE");
  auto* stdio = app.add_flag("--stdio", given.stdio, "Serve one peer on standard input and output (for ssh)");
  auto* threads = app.add_option("--threads", given.threads,
                                 "Threads that read and decode, at most, for each file system of each folder "
                                 "(default: one a processor)");
  auto* lane = app.add_option("--lane", laneText,
                              "Which file systems may hang: those that are not known to be local, or all of them")
                   ->type_name("auto|always");
  auto* cache = app.add_option("--cache-mb", given.cacheMegabytes, "Memory for decoded chunks, in MiB")
                    ->capture_default_str();
  auto* reply = app.add_option("--reply-bytes", given.replyBytes,
                               "Most bytes of elements in one reply; small ones are for tests (default: 4194304)");
  auto* settle = app.add_option("--settle", given.settle,
                                "How long after its last change a file counts as complete where the kernel cannot tell "
                                "whether it is open for writing; for all exports or one (default: 2); repeatable")
                     ->type_name("SECONDS|NAME=SECONDS")
                     ->allow_extra_args(false);
  auto* plugins = app.add_option("--plugins", given.plugins,
                                 "Folders with filter plugins that link no other libhdf5, as the Python package "
                                 "hdf5plugin has one; instead of the usual ones; repeatable")
                      ->type_name("DIR")
                      ->allow_extra_args(false);
  auto* idle = app.add_option("--idle", given.idleSeconds,
                              "Seconds until a file that nobody uses gives up its descriptor")
                   ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    app.exit(asked);
    return std::nullopt;
  } catch (const CLI::ParseError& problem) {
    throw UsageError(problem.what());
  }
  ServerOptions options = config.empty() ? ServerOptions{} : readFile(config);
  if (serve->count()) options.serve = given.serve;
  if (listen->count()) options.listen = given.listen;
  if (insecure->count()) options.insecure = given.insecure;
  if (socket->count()) options.socket = given.socket;
  if (stdio->count()) options.stdio = given.stdio;
  if (threads->count()) options.threads = given.threads;
  if (cache->count()) options.cacheMegabytes = given.cacheMegabytes;
  if (reply->count()) options.replyBytes = given.replyBytes;
  if (settle->count()) options.settle = given.settle;
  if (lane->count()) options.laneRule = laneRule("--lane", laneText);
  if (plugins->count()) options.plugins = given.plugins;
  if (idle->count()) options.idleSeconds = given.idleSeconds;
  check(options);
  return options;
}

}  // namespace h5cap
