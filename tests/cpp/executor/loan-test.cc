// What an executor thread may use of the event loop's: until the loan ends, and an end that waits while it is used.
// Reads that are cancelled are in tests/cpp/objects; there the address sanitizer sees what this prevents.
#include "server/executor/loan.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

using namespace h5cap;

TEST_CASE("what was lent is used until the loan ends, and not afterwards") {
  Loan loan;
  int used = 0;
  CHECK(loan.whileLent([&] { ++used; }));
  CHECK(loan.whileLent([&] { ++used; }));
  loan.end();
  loan.end();
  CHECK_FALSE(loan.whileLent([&] { ++used; }));
  CHECK(used == 2);
}

TEST_CASE("a loan ends only when nobody uses what was lent") {
  for (int trial = 0; trial < 20; ++trial) {
    Loan loan;
    auto memory = std::make_unique<std::vector<int>>(1000, 0);
    std::atomic<bool> isUsing = false, isDone = false;
    std::thread user([&] {
      loan.whileLent([&] {
        isUsing = true;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        for (int& value : *memory) ++value;
        isDone = true;
      });
    });
    while (!isUsing) std::this_thread::yield();
    loan.end();
    CHECK(isDone);
    memory.reset();
    user.join();
  }
}
