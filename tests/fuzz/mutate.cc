// Mutations that messages are in need of, beside libFuzzer's: pointers stand in whole words, and one that stands
// elsewhere points elsewhere, also at what holds it.
#include <cstdint>
#include <cstring>
#include <random>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t maxSize);

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t maxSize,
                                               unsigned seed) {
  constexpr std::size_t WORD = 8;
  std::minstd_rand random(seed);
  const std::size_t words = size / WORD;
  if (words < 2 || random() % 4 != 0) return LLVMFuzzerMutate(data, size, maxSize);
  // Words are counted from the end, where messages are.
  std::uint8_t* const first = data + size % WORD;
  std::uint8_t* const at = first + random() % words * WORD;
  switch (random() % 3) {
    case 0:
      std::memmove(at, first + random() % words * WORD, WORD);
      break;
    case 1:
      at[random() % WORD] ^= static_cast<std::uint8_t>(1u << random() % 8);
      break;
    default:
      at[random() % WORD] = static_cast<std::uint8_t>(random() % 4 == 0 ? 255 : random() % 16);
  }
  return size;
}
