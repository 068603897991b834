#include "server/base/principal.h"

namespace h5cap {

kj::Own<const Principal> Principals::of(const Identity& identity) const {
  auto known = known_.lockExclusive();
  if (identity.method == Authentication::none)
    return kj::atomicRefcounted<Principal>(identity, PrincipalId{++known->last}, stocks_);
  std::erase_if(known->byIdentity, [&](auto& one) { return !one.second->isShared() && one.first != identity; });
  auto& found = known->byIdentity[identity];
  if (found.get() == nullptr) found = kj::atomicRefcounted<Principal>(identity, PrincipalId{++known->last}, stocks_);
  return kj::atomicAddRef(*found);
}

}  // namespace h5cap
