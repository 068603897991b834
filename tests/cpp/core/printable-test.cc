// Text that came from files and peers, made fit for a terminal.
#include "h5cap/printable.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using h5cap::printable;

TEST_CASE("what a terminal obeys is escaped, and the rest stays") {
  using namespace std::string_literals;
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"", ""},
      {"plain /a/b.c [1] \\x", "plain /a/b.c [1] \\x"},
      {"\n\t\r", "\\n\\t\\r"},
      {"\x1b[31mred\x07", "\\x1b[31mred\\x07"},
      {"\0a\x1f\x7f"s, "\\x00a\\x1f\\x7f"},
      {"é ü 数 🙂 \xc2\xa0", "é ü 数 🙂 \xc2\xa0"},
      {"\xc2\x80\xc2\x9b\xc2\x9f", "\\u0080\\u009b\\u009f"},  // C1; 9b is a terminal's CSI
      {"\x80\x9b\xff", "\\x80\\x9b\\xff"},                    // the same in another encoding
      {"a\u202eb\u202a\u2066\u2069", "a\\u202eb\\u202a\\u2066\\u2069"},
      {"\u200e\u200f\u061c\u2028\u2029", "\\u200e\\u200f\\u061c\\u2028\\u2029"},
      {"\u200d\u2027\u2030\u2065\u206a", "\u200d\u2027\u2030\u2065\u206a"},  // the neighbours
      {"\xc0\x9b\xe0\x80\x9b\xf0\x80\x80\x9b", "\\xc0\\x9b\\xe0\\x80\\x9b\\xf0\\x80\\x80\\x9b"},  // longer than need be
      {"\xed\xa0\x80\xf4\x90\x80\x80\xf5", "\\xed\\xa0\\x80\\xf4\\x90\\x80\\x80\\xf5"},           // no characters
      {"\xc3", "\\xc3"},
      {"\xe2\x80", "\\xe2\\x80"},
      {"\xe2\x80\x1b", "\\xe2\\x80\\x1b"},
  };
  for (auto& [text, wanted] : rows) {
    CAPTURE(wanted);
    CHECK(printable(text) == wanted);
    CHECK(printable(printable(text)) == wanted);
  }
}

TEST_CASE("no byte that a terminal obeys is left of any three bytes") {
  auto isLeft = [](const std::string& text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      const auto byte = static_cast<unsigned char>(text[i]);
      if (byte < 0x20 || byte == 0x7f) return true;
      if (byte == 0xc2 && static_cast<unsigned char>(text[i + 1]) < 0xa0) return true;
      if (text.compare(i, 2, "\xe2\x80") == 0 && static_cast<unsigned char>(text[i + 2]) - 0xaau < 5) return true;
    }
    return false;
  };
  CHECK(isLeft("\x1b"));  // the control
  CHECK(isLeft("\u202e"));
  for (unsigned number = 0; number < 1u << 24; number += 7) {
    const std::string text{static_cast<char>(number), static_cast<char>(number >> 8), static_cast<char>(number >> 16)};
    if (!isLeft(printable(text))) continue;
    CAPTURE(number);
    FAIL("something is left");
  }
}
