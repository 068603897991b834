// The first of some places at which there is something.
#pragma once

#include <kj/async.h>
#include <kj/function.h>

#include <string>
#include <utility>
#include <vector>

#include "server/base/guarded.h"

namespace h5cap {

// What `open` makes of the first of `paths` that exists; nothing when none does.  Only NotFound means that one does
// not: whatever else `open` fails with ends the search.
template <class T>
kj::Promise<kj::Maybe<T>> openFirstThere(std::vector<std::string> paths,
                                         kj::Function<kj::Promise<T>(const std::string&)> open, std::size_t at = 0) {
  if (at == paths.size()) return kj::Maybe<T>(nullptr);
  auto opening = open(paths[at]);
  return opening.then([](T opened) -> kj::Promise<kj::Maybe<T>> { return kj::Maybe<T>(kj::mv(opened)); },
                      [paths = std::move(paths), open = kj::mv(open), at](kj::Exception&& problem) mutable
                      -> kj::Promise<kj::Maybe<T>> {
                        if (errorOf(problem).code != ErrorCode::notFound) return kj::mv(problem);
                        return openFirstThere<T>(std::move(paths), kj::mv(open), at + 1);
                      });
}

}  // namespace h5cap
