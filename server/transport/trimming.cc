#include "server/transport/trimming.h"

#include <malloc.h>

namespace h5cap {
namespace {

constexpr auto pause = 500 * kj::MILLISECONDS;

}  // namespace

void Trimming::soon() {
  if (isDue_) return;
  isDue_ = true;
  trimming_ = timer_.afterDelay(pause).then([this] {
                isDue_ = false;
                malloc_trim(0);
              }).eagerlyEvaluate(nullptr);
}

}  // namespace h5cap
