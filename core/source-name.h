// Names in virtual mappings, of files and of datasets.  They are patterns: "%b" stands for the number of a block, "%%"
// for a percent sign, and HDF5 stores no other use of "%".
#pragma once

#include <cstdint>
#include <string>

namespace h5cap {

// Whether the pattern names a source for each block.
bool hasBlockNumber(const std::string& pattern);

// The name of the source of one block; without block numbers it is the same for all.
std::string sourceName(const std::string& pattern, std::uint64_t block = 0);

}  // namespace h5cap
