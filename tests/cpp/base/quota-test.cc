// Covers the budget that reads wait for.
#include <doctest/doctest.h>
#include <kj/async-io.h>

#include "server/base/quota.h"

using namespace h5cap;

TEST_CASE("a quota is granted in order, and what is dropped gives way") {
  auto io = kj::setupAsyncIo();
  auto quota = kj::refcounted<Quota>(10);
  auto first = quota->take(6).wait(io.waitScope);
  auto second = quota->take(6);
  auto third = quota->take(1);
  CHECK(!second.poll(io.waitScope));
  CHECK(!third.poll(io.waitScope));  // it would fit, and has to wait its turn
  SUBCASE("the next one is granted when there is room") {
    first = nullptr;
    CHECK(second.poll(io.waitScope));
    CHECK(third.poll(io.waitScope));
    CHECK(quota->used() == 7);
  }
  SUBCASE("one that gives up lets the others pass") {
    second = nullptr;
    quota->recheck();
    CHECK(third.poll(io.waitScope));
    CHECK(quota->used() == 7);
  }
  SUBCASE("a grant that nobody takes any more comes back") {
    first = nullptr;
    second = nullptr;
    third = nullptr;
    CHECK(quota->used() == 0);
  }
}

TEST_CASE("more than the capacity is granted when nothing else is in use, here or elsewhere") {
  auto io = kj::setupAsyncIo();
  auto quota = kj::refcounted<Quota>(10);
  std::uint64_t elsewhere = 3;
  quota->countAlso([&] { return elsewhere; });
  auto large = quota->take(100);
  CHECK(!large.poll(io.waitScope));
  elsewhere = 0;
  quota->recheck();
  CHECK(large.poll(io.waitScope));
}
