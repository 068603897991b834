// What in a file is newer than libhdf5 here: its own complaints name no version.
#pragma once

#include <hdf5.h>

#include <cstdint>
#include <string>

namespace h5cap::hdf5 {

#if H5_VERSION_GE(2, 0, 0)
inline constexpr unsigned NEWEST_DATATYPE = 5;  // version that this libhdf5 reads
#elif H5_VERSION_GE(1, 12, 0)
inline constexpr unsigned NEWEST_DATATYPE = 4;
#else
inline constexpr unsigned NEWEST_DATATYPE = 3;
#endif
inline constexpr bool KNOWS_ALL_DATATYPES = NEWEST_DATATYPE >= 5;

// Whether a reason that libhdf5 gives is one of a version that it does not know.
bool isAboutVersion(const std::string& reason);

// "superblock version 5", of the superblock at this place in the file; empty when there is none.
std::string superblockVersion(int descriptor, std::uint64_t superblock);

// "data layout message of version 5": messages, in the first part of the object header at `address` (absolute in the
// file), that libhdf5 1.10 does not know; empty when there are none, or the header cannot be read.
std::string newerMessages(int descriptor, std::uint64_t address);

}  // namespace h5cap::hdf5
