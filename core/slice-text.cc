#include "core/slice-text.h"

#include <fmt/format.h>

#include <charconv>

#include "h5cap/error.h"

namespace h5cap {

namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view BLANKS = " \t\r\n";
  auto first = text.find_first_not_of(BLANKS);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(BLANKS) - first + 1);
}

[[noreturn]] void unreadable(std::string_view part, const char* why) {
  throw BadSelection(fmt::format("cannot read '{}' as part of a slice: {}", part, why));
}

std::int64_t parseIndex(std::string_view part) {
  auto digits = trimmed(part);
  if (!digits.empty() && digits.front() == '+') {
    digits.remove_prefix(1);
    if (!digits.empty() && digits.front() == '-') unreadable(part, "not an integer");
  }
  std::int64_t value = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error == std::errc::result_out_of_range) unreadable(part, "the number is too large");
  if (error != std::errc() || end != digits.data() + digits.size()) unreadable(part, "not an integer");
  return value;
}

// Cuts at `separator`, but not within brackets.
std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  std::size_t begin = 0;
  bool isInside = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '[') {
      if (isInside) unreadable(text, "lists do not nest");
      isInside = true;
    } else if (text[i] == ']') {
      if (!isInside) unreadable(text, "a bracket that was not opened");
      isInside = false;
    } else if (text[i] == separator && !isInside) {
      parts.push_back(text.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  if (isInside) unreadable(text, "a bracket that is not closed");
  parts.push_back(text.substr(begin));
  return parts;
}

Axis parseList(std::string_view part) {
  Indices list;
  auto inside = trimmed(part.substr(1, part.size() - 2));
  if (inside.empty()) return list;
  if (inside.back() == ',') inside.remove_suffix(1);
  for (auto item : split(inside, ',')) list.values.push_back(parseIndex(item));
  return list;
}

Axis parseRange(std::string_view part) {
  auto bounds = split(part, ':');
  if (bounds.size() > 3) unreadable(part, "more than two colons");
  Range range;
  if (!trimmed(bounds[0]).empty()) range.start = parseIndex(bounds[0]);
  if (!trimmed(bounds[1]).empty()) range.stop = parseIndex(bounds[1]);
  if (bounds.size() == 3 && !trimmed(bounds[2]).empty()) {
    auto step = parseIndex(bounds[2]);
    if (step < 1) unreadable(part, "the step must be at least 1");
    range.step = static_cast<std::uint64_t>(step);
  }
  if (range == Range{}) return All{};
  return range;
}

Axis parseAxis(std::string_view text) {
  auto part = trimmed(text);
  if (part.empty()) unreadable(text, "nothing between commas");
  if (part == "...") return Ellipsis{};
  if (part.front() == '[') {
    if (part.back() != ']') unreadable(part, "text behind a list");
    return parseList(part);
  }
  if (part.find(':') != std::string_view::npos) return parseRange(part);
  return parseIndex(part);
}

struct Formatter {
  std::string operator()(All) const { return ":"; }
  std::string operator()(Ellipsis) const { return "..."; }
  std::string operator()(std::int64_t index) const { return fmt::format("{}", index); }
  std::string operator()(const Indices& list) const { return fmt::format("[{}]", fmt::join(list.values, ",")); }
  std::string operator()(const Range& range) const {
    std::string text;
    if (range.start != 0) text += fmt::format("{}", range.start);
    text += ':';
    if (range.stop != Range::openEnd) text += fmt::format("{}", range.stop);
    if (range.step != 1) text += fmt::format(":{}", range.step);
    return text;
  }
  std::string operator()(const BitMask& mask) const {
    std::vector<std::uint64_t> set;
    for (auto i = mask.next(0); i < mask.size(); i = mask.next(i + 1)) set.push_back(i);
    return fmt::format("[{}]", fmt::join(set, ","));
  }
};

}  // namespace

Selection parseSlice(std::string_view text) {
  auto whole = trimmed(text);
  if (whole.empty() || whole == "()") return Selection();
  if (whole.back() == ',') whole.remove_suffix(1);  // as in Python's one-tuple
  std::vector<Axis> axes;
  for (auto part : split(whole, ',')) axes.push_back(parseAxis(part));
  return Selection(std::move(axes));
}

std::string formatSlice(const Selection& selection) {
  if (!selection.isOrthogonal()) throw BadSelection("single elements cannot be written as a slice");
  std::string text;
  for (const auto& axis : selection.axes()) {
    if (!text.empty()) text += ',';
    text += std::visit(Formatter{}, axis);
  }
  return text;
}

}  // namespace h5cap
