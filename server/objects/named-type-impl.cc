#include "server/objects/named-type-impl.h"

namespace h5cap {

kj::Promise<void> NamedTypeImpl::type(TypeContext context) {
  context.allowCancellation();
  return findNode(place().clone()).then([context](FoundNode found) mutable {
    guarded([&] {
      if (!found.info->type) raiseKj(ErrorCode::badType, found.place.text() + " is no named datatype");
      wire::write(*found.info->type, context.getResults().initType());
    });
  });
}

}  // namespace h5cap
