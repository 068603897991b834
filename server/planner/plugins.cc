#include "server/planner/plugins.h"

#include <H5PLextern.h>
#include <dlfcn.h>
#include <hdf5.h>
#include <link.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "server/planner/own-decoders.h"

namespace h5cap::hdf5 {

namespace {

constexpr const char* usualFolders =
    "/usr/lib/x86_64-linux-gnu/hdf5/serial/plugins:/usr/lib/x86_64-linux-gnu/hdf5/plugins:"
    "/usr/lib/python3/dist-packages/hdf5plugin/plugins";

std::vector<std::string> pluginsIn(const std::string& folder) {
  std::vector<std::string> found;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string path = entry->path().string();
    if (path.ends_with(".so") || path.find(".so.") != std::string::npos) found.push_back(path);
  }
  std::sort(found.begin(), found.end());
  return found;
}

int countHdf5(dl_phdr_info* object, std::size_t, void* count) {
  if (std::filesystem::path(object->dlpi_name).filename().string().starts_with("libhdf5")) ++*static_cast<int*>(count);
  return 0;
}

// Shared libraries of HDF5 in this process.
int hdf5Libraries() {
  int count = 0;
  dl_iterate_phdr(countHdf5, &count);
  return count;
}

constexpr unsigned loadSeconds = 5;

enum class Verdict { loads, doesNotLoad, bringsAnotherLibrary };

// Tried in a process of its own: what a library brings with it stays.
Verdict tryOut(const std::string& plugin) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(loadSeconds);
    const int before = hdf5Libraries();
    if (dlopen(plugin.c_str(), RTLD_NOW | RTLD_LOCAL) == nullptr) _exit(static_cast<int>(Verdict::doesNotLoad));
    _exit(static_cast<int>(hdf5Libraries() == before ? Verdict::loads : Verdict::bringsAnotherLibrary));
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return Verdict::doesNotLoad;
  return static_cast<Verdict>(WEXITSTATUS(status));
}

// Leaves it loaded when it has a filter that is not there yet.
void loadPlugin(const std::string& plugin) {
  void* library = dlopen(plugin.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return;
  const auto type = reinterpret_cast<decltype(&H5PLget_plugin_type)>(dlsym(library, "H5PLget_plugin_type"));
  const auto info = reinterpret_cast<decltype(&H5PLget_plugin_info)>(dlsym(library, "H5PLget_plugin_info"));
  if (type != nullptr && info != nullptr && type() == H5PL_TYPE_FILTER) {
    const auto* filter = static_cast<const H5Z_class2_t*>(info());
    if (filter != nullptr && H5Zfilter_avail(filter->id) <= 0 && H5Zregister(filter) >= 0) return;
  }
  dlclose(library);
}

}  // namespace

void loadFilters() {
  H5PLset_loading_state(0);
  registerOwnDecoders();
  const char* named = std::getenv("HDF5_PLUGIN_PATH");
  std::istringstream folders(named != nullptr ? named : usualFolders);
  for (std::string folder; std::getline(folders, folder, ':');) {
    for (const std::string& plugin : pluginsIn(folder)) {
      const Verdict verdict = tryOut(plugin);
      if (verdict == Verdict::loads) loadPlugin(plugin);
      if (verdict == Verdict::bringsAnotherLibrary && named != nullptr) {
        std::fprintf(stderr, "h5cap-planner: %s is left out: it is made for another libhdf5 than this server's\n",
                     plugin.c_str());
      }
    }
  }
}

}  // namespace h5cap::hdf5
