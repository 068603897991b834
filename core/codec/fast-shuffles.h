// Shuffles with the processor's wide instructions, which libblosc2 chooses when it runs.  Internal to core/codec.
//
// They give false, and do nothing, where the build has no libblosc2 or it takes no elements of that size.
#pragma once

#include "core/codec/stages.h"

namespace h5cap::codec::fast {

bool unshuffle(Input stored, std::span<std::byte> target, std::size_t elementBytes);
bool unshuffleBits(const std::byte* source, std::byte* target, std::size_t elementCount, std::size_t elementBytes);

}  // namespace h5cap::codec::fast
