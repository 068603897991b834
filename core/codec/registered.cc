#include "core/codec/registered.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace h5cap::codec {

namespace {

// Where a plugin is to be had that brings no libhdf5 of its own, or what else can be done.
enum class Source { libhdf5, hdf5plugin, build, author, nowhere };

struct Registered {
  std::uint32_t id;
  std::string_view name;
  Source source;
  std::string_view package;  // Debian's, for the build
};

constexpr std::array REGISTERED = {
    Registered{1, "deflate", Source::libhdf5, ""},
    Registered{2, "shuffle", Source::libhdf5, ""},
    Registered{3, "fletcher32", Source::libhdf5, ""},
    Registered{4, "szip", Source::libhdf5, ""},
    Registered{5, "nbit", Source::libhdf5, ""},
    Registered{6, "scaleoffset", Source::libhdf5, ""},
    Registered{257, "hzip", Source::author, ""},
    Registered{258, "fpzip", Source::author, ""},
    Registered{305, "LZO", Source::author, ""},
    Registered{307, "bzip2", Source::hdf5plugin, ""},
    Registered{32000, "LZF", Source::author, ""},
    Registered{32001, "Blosc", Source::hdf5plugin, ""},
    Registered{32002, "MAFISC", Source::author, ""},
    Registered{32003, "Snappy", Source::author, ""},
    Registered{32004, "LZ4", Source::hdf5plugin, ""},
    Registered{32005, "APAX", Source::nowhere, ""},
    Registered{32006, "CBF", Source::author, ""},
    Registered{32007, "JPEG-XR", Source::author, ""},
    Registered{32008, "Bitshuffle", Source::hdf5plugin, ""},
    Registered{32009, "SPDP", Source::author, ""},
    Registered{32010, "LPC-Rice", Source::author, ""},
    Registered{32011, "CCSDS-123", Source::author, ""},
    Registered{32012, "JPEG-LS", Source::build, "libcharls-dev"},
    Registered{32013, "ZFP", Source::hdf5plugin, "libzfp-dev"},
    Registered{32014, "fpzip", Source::author, ""},
    Registered{32015, "Zstandard", Source::hdf5plugin, ""},
    Registered{32016, "B3D", Source::author, ""},
    Registered{32017, "SZ", Source::hdf5plugin, ""},
    Registered{32018, "FCIDECOMP", Source::hdf5plugin, "libcharls-dev"},
    Registered{32019, "JPEG", Source::author, ""},
    Registered{32020, "VBZ", Source::author, ""},
    Registered{32021, "FAPEC", Source::author, ""},
    Registered{32022, "BitGroom", Source::author, ""},
    Registered{32023, "Granular BitRound", Source::author, ""},
    Registered{32024, "SZ3", Source::hdf5plugin, ""},
    Registered{32025, "Delta-Rice", Source::author, ""},
    Registered{32026, "Blosc2", Source::hdf5plugin, ""},
    Registered{32027, "FLAC", Source::author, ""},
    Registered{32028, "SPERR", Source::hdf5plugin, ""},
    Registered{32029, "TERSE/PROLIX", Source::author, ""},
    Registered{32030, "FFMPEG", Source::author, ""},
    Registered{32033, "HTJ2K", Source::hdf5plugin, ""},
};

const Registered* tryFind(std::uint32_t id) {
  const auto found = std::lower_bound(REGISTERED.begin(), REGISTERED.end(), id,
                                      [](const Registered& filter, std::uint32_t value) { return filter.id < value; });
  return found != REGISTERED.end() && found->id == id ? &*found : nullptr;
}

std::string remedy(const Registered* filter) {
  constexpr const char* FOLDER = "start h5capd with --plugins and the folder of a plugin for it";
  if (filter == nullptr) return fmt::format("it is not a registered filter; {}", FOLDER);
  std::string rebuild;
  if (!filter->package.empty()) rebuild = fmt::format("build the server where {} is installed", filter->package);
  switch (filter->source) {
    case Source::libhdf5:
      return "the server's libhdf5 was built without it";
    case Source::build:
      return rebuild + ", or " + FOLDER;
    case Source::hdf5plugin:
      return fmt::format("start h5capd with --plugins and the folder hdf5plugin/plugins of the Python package "
                         "hdf5plugin{}{}",
                         rebuild.empty() ? "" : ", or ", rebuild);
    case Source::author:
      return fmt::format("{}, which its authors have", FOLDER);
    case Source::nowhere:
      return "its software is no longer available";
  }
  return {};
}

}  // namespace

std::string_view registeredName(std::uint32_t id) {
  const Registered* filter = tryFind(id);
  return filter == nullptr ? std::string_view() : filter->name;
}

std::string missingFilterMessage(std::uint32_t id, std::string_view nameInFile) {
  const Registered* filter = tryFind(id);
  const std::string_view name = filter != nullptr ? filter->name : nameInFile;
  return fmt::format("no decoder for filter {}{}: {}", id, name.empty() ? "" : fmt::format(" ({})", name),
                     remedy(filter));
}

}  // namespace h5cap::codec
