// Filters by their numbers: those that HDF5 has itself, and those that are registered with The HDF Group
// (RegisteredFilterPlugins.md of its hdf5_plugins).  For messages that say what is missing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace h5cap::codec {

// Empty for a filter that nobody registered.
std::string_view registeredName(std::uint32_t id);

// "no decoder for filter 32024 (SZ3): ", and what to do about it.  `nameInFile` is what the file calls it, and may be
// empty.
std::string missingFilterMessage(std::uint32_t id, std::string_view nameInFile);

}  // namespace h5cap::codec
