// h5cap VERB URL [PATH] [-s SLICE]
//
// Exit codes: 0; 1 for a failure, with one line on standard error; 2 for a command that cannot be understood; 130 after
// Ctrl-C.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <map>
#include <string>
#include <string_view>

#include "command.h"
#include "h5cap/printable.h"
#include "output.h"

namespace h5cap::cli {
namespace {

using Verb = void (*)(const Arguments&);

// Everything under way is dropped with the process: the server cancels what belongs to a connection that ends.
void leaveOnSignal(int signal) {
  removePartialFile();
  _exit(128 + signal);
}

int complain(const char* text, int code) {
  constexpr std::size_t MOST = 4000;  // a server's message may be megabytes
  std::string line = printable(std::string_view(text).substr(0, MOST));
  std::fprintf(stderr, "h5cap: %s\n", line.c_str());
  return code;
}

CLI::App* addVerb(CLI::App& app, const char* name, const char* what, Arguments& arguments) {
  CLI::App* verb = app.add_subcommand(name, what);
  verb->add_option("URL", arguments.url,
                   "h5cap+unix://, h5cap+tcp:// or h5cap+ssh:// address; or a path below H5CAP_URL");
  return verb;
}

void addVerbs(CLI::App& app, Arguments& arguments, std::map<CLI::App*, Verb>& verbs) {
  CLI::App* ls = addVerb(app, "ls", "List a directory, or the links of a group", arguments);
  CLI::App* tree = addVerb(app, "tree", "Show everything in a file", arguments);
  CLI::App* info = addVerb(app, "info", "Describe a file, a group or a dataset", arguments);
  CLI::App* cat = addVerb(app, "cat", "Write the elements of a dataset as text, .csv or .npy", arguments);
  CLI::App* get =
      addVerb(app, "get", "Fetch a file as it is; the same command goes on where it was interrupted", arguments);
  CLI::App* ping = addVerb(app, "ping", "Time round trips to a server", arguments);
  for (CLI::App* verb : {ls, tree, info, cat}) verb->add_option("PATH", arguments.path, "Object in the file");
  ls->add_flag("-l,--long", arguments.isLong, "With kinds, shapes and types");
  tree->add_flag("-a,--attributes", arguments.showAttributes, "With attributes");
  cat->add_option("-s,--slice", arguments.slice, "NumPy's notation: 0,10:20  ...,::2  -1  [1,5,7],:");
  cat->add_option("-o,--output", arguments.output, "File to write: NAME.npy or NAME.csv");
  get->add_option("-o,--output", arguments.output, "File to write; by default its name, here");
  ping->add_option("-c,--count", arguments.count, "How many")->check(CLI::Range(1U, 1000000U));
  verbs = {{ls, runLs}, {tree, runTree}, {info, runInfo}, {cat, runCat}, {get, runGet}, {ping, runPing}};
}

int run(int argc, char** argv) {
  Arguments arguments;
  std::map<CLI::App*, Verb> verbs;
  CLI::App app("Looks at HDF5 files on an h5cap server.", "h5cap");
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string("h5cap ") + H5CAP_VERSION);
  addVerbs(app, arguments, verbs);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    verbs.at(app.get_subcommands().front())(arguments);
    flushOutput();
    return 0;
  } catch (const OutputClosed&) {
    return 1;  // `| head` has seen enough
  } catch (const UsageError& error) {
    return complain(error.what(), 2);
  } catch (const std::exception& error) {
    return complain(error.what(), 1);
  }
}

}  // namespace
}  // namespace h5cap::cli

int main(int argc, char** argv) {
  std::signal(SIGINT, h5cap::cli::leaveOnSignal);
  std::signal(SIGTERM, h5cap::cli::leaveOnSignal);
  return h5cap::cli::run(argc, argv);
}
