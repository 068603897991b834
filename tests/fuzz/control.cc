// The negative control: a target with a fault, which has to be found.  tools/fuzz looks for it before anything else,
// and ctest replays an input that shows it.
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2 || data[0] != 'h' || data[1] != '5') return 0;
  // Sanitizers see that there is no such byte; without them the promise is broken all the same.
  const volatile std::uint8_t behind = data[size];
  h5cap::fuzz::insist(behind != behind, "a planted fault is not found");
  return 0;
}
