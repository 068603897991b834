// Text from files and peers, made fit for a terminal, a log or a message.
#pragma once

#include <string>
#include <string_view>

namespace h5cap {

// `text` with everything escaped that a terminal would obey rather than show: control characters (C0, DEL, C1), line
// and paragraph separators, marks and overrides of the direction of writing, and bytes that are not UTF-8 (of which 80
// to 9F are C1 in other encodings).  Line feeds, tabs and carriage returns become "\n", "\t" and "\r"; single bytes
// "\x1b"; characters "\u202e".  Everything else stays as it is, so twice is as once.
std::string printable(std::string_view text);

}  // namespace h5cap
