// Covers the memory that all files share: bounded in bytes of all that it holds, whatever the mixture.
#include <doctest/doctest.h>

#include <random>
#include <string>
#include <thread>
#include <vector>

#include "server/base/shared-cache.h"

using namespace h5cap;
using Kind = SharedCache::Kind;

namespace {

std::shared_ptr<const std::string> value(std::size_t bytes) { return std::make_shared<const std::string>(bytes, 'v'); }

}  // namespace

TEST_CASE("what was used last is kept, keys and entries counted, within the budget") {
  const SharedCache cache(1 << 20);
  for (int i = 0; i < 1000; ++i) {
    cache.put(Kind::elements, "e" + std::to_string(i), value(10'000), 10'000);
    CHECK(cache.find<std::string>(Kind::elements, "e0") != nullptr);  // used again and again
    CHECK(cache.used() <= cache.elementBytes());
  }
  CHECK(cache.find<std::string>(Kind::elements, "e1") == nullptr);
  CHECK(cache.find<std::string>(Kind::elements, "e999") != nullptr);
  CHECK(cache.find<std::string>(Kind::knowledge, "e999") == nullptr);
}

TEST_CASE("long keys are as expensive as long values") {
  const SharedCache cache(0);
  for (int i = 0; i < 2048; ++i) cache.put(Kind::knowledge, std::string(65'000, 'y') + std::to_string(i), value(1), 1);
  CHECK(cache.used() <= cache.capacity());
  CHECK(cache.used() > cache.capacity() / 2);
}

TEST_CASE("a stream of elements does not wash knowledge away, and knowledge leaves room for elements") {
  const SharedCache cache(32 << 20);
  cache.put(Kind::knowledge, "plan", value(1000), 1000);
  for (int i = 0; i < 1000; ++i) cache.put(Kind::elements, std::to_string(i), value(1 << 20), 1 << 20);
  CHECK(cache.find<std::string>(Kind::knowledge, "plan") != nullptr);
  CHECK(cache.used() > (24 << 20));
  for (int i = 0; i < 1000; ++i) cache.put(Kind::knowledge, std::to_string(i), value(1 << 20), 1 << 20);
  CHECK(cache.used() <= cache.capacity());
  CHECK(cache.find<std::string>(Kind::elements, "999") != nullptr);
}

TEST_CASE("knowledge has its floor without a budget, and what is too large is not kept") {
  const SharedCache cache(0);
  cache.put(Kind::knowledge, "plan", value(1000), 1000);
  CHECK(cache.find<std::string>(Kind::knowledge, "plan") != nullptr);
  cache.put(Kind::elements, "chunk", value(1000), 1000);
  CHECK(cache.find<std::string>(Kind::elements, "chunk") == nullptr);
  cache.put(Kind::knowledge, "huge", value(1), SharedCache::knowledgeFloor + 1);
  CHECK(cache.find<std::string>(Kind::knowledge, "huge") == nullptr);
  CHECK(cache.find<std::string>(Kind::knowledge, "plan") != nullptr);
  cache.put(Kind::knowledge, "plan", value(2000), 2000);  // in place of the first
  CHECK(cache.find<std::string>(Kind::knowledge, "plan")->size() == 2000);
  CHECK(cache.used() < 3000);
}

TEST_CASE("threads share it") {
  const SharedCache cache(1 << 20);
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 4; ++seed)
    threads.emplace_back([&, seed] {
      std::mt19937 random(seed);
      for (int i = 0; i < 20'000; ++i) {
        const auto number = random() % 500;
        const auto kind = random() % 2 == 0 ? Kind::elements : Kind::knowledge;
        if (auto found = cache.find<std::string>(kind, std::to_string(number))) {
          if (found->size() != number * 10) throw std::logic_error("another key's value");
        } else {
          cache.put(kind, std::to_string(number), value(number * 10), number * 10);
        }
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(cache.used() <= cache.capacity());
}
