#include "attribute-text.h"

#include <fmt/format.h>

#include "element-text.h"
#include "h5cap/printable.h"

namespace h5cap::cli {

std::string attributeText(const Attribute& attribute) {
  if (attribute.space.kind == Dataspace::Kind::null) return "(null)";
  if (auto value = std::get_if<Attribute::Value>(&attribute.value)) {
    return briefValue(attribute.type, attribute.space.shape, value->elements, value->heap);
  }
  if (auto omitted = std::get_if<Attribute::Omitted>(&attribute.value)) {
    return fmt::format("({} of {}, {} bytes)", shapeText(attribute.space.shape), printable(describe(attribute.type)),
                       omitted->bytes);
  }
  return "(" + printable(std::get<ErrorText>(attribute.value).message) + ")";
}

}  // namespace h5cap::cli
