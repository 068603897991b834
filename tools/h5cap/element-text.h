// Elements as people read them.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "h5cap/client.h"

namespace h5cap::cli {

// Takes text that is done, and leaves none, whenever there is much of it: elements may be large.
using Spill = std::function<void(std::string& text)>;

// Appends one packed element: numbers in the shortest form that reads back, enumerations by name, strings as they are
// by `printable`, compounds as {x: 1, y: 2}, arrays and sequences as [1, 2], anything else as
// hexadecimal.
void appendElement(std::string& out, const DataType& type, const std::byte* element, const Bytes& heap,
                   const Spill& spill = nullptr);

// The text of a string element, as stored; nothing for other types.
std::optional<std::string_view> stringElement(const DataType& type, const std::byte* element, const Bytes& heap);

// All elements on one line, cut after a few: for attributes.
std::string briefValue(const DataType& type, const Shape& shape, const Bytes& elements, const Bytes& heap);

std::string shapeText(const Shape& shape);      // "(300, 512, 512)", "scalar"
std::string spaceText(const Dataspace& space);  // also "null", and "(300 of unlimited, 512)"
std::string linkTargetText(const Link& link);   // " → data.h5:/entry"; empty for a hard link
std::string kindText(NodeKind kind);

}  // namespace h5cap::cli
