#include "h5cap/address.h"

#include "core/endpoint.h"
#include "core/slice-text.h"

namespace h5cap {

Location parseLocation(std::string_view url) {
  Address address = parseAddress(url);
  Location location;
  location.server = format(address.endpoint);
  location.path = address.path;
  location.object = address.object;
  if (address.slice) location.selection = parseSlice(*address.slice);
  return location;
}

}  // namespace h5cap
