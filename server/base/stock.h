// What there is a fixed amount of, and everybody who is served takes from: descriptors, bytes of handles.
//
// Safe from all threads.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace h5cap {

class Stock;

// What was taken; destroying it puts it back.  Outlives the stock and the share without harm.
class StockLease {
 public:
  StockLease() = default;
  StockLease(StockLease&& other) noexcept = default;
  StockLease& operator=(StockLease&& other) noexcept;
  ~StockLease();

  std::uint64_t amount() const { return amount_; }

 private:
  friend class Share;
  struct Counted;
  StockLease(std::shared_ptr<Counted> counted, std::uint64_t amount) : counted_(std::move(counted)), amount_(amount) {}

  std::shared_ptr<Counted> counted_;
  std::uint64_t amount_ = 0;
};

class Stock {
 public:
  // `what` is its name in errors: "open files".
  Stock(std::string what, std::uint64_t capacity);

  std::uint64_t capacity() const;
  std::uint64_t used() const;

 private:
  friend class Share;
  friend class StockLease;
  struct State;
  std::shared_ptr<State> state_;
};

// What one principal holds of a stock: never more than it leaves for all others.  Who takes all they can one after the
// other hold a half, a quarter, an eighth; and a sixteenth of it is kept back for those who have next to nothing.
class Share {
 public:
  explicit Share(const Stock& stock);

  // Nothing when it would be too much.
  std::optional<StockLease> tryTake(std::uint64_t amount) const;

  // Throws Busy, saying how much is held of what.
  StockLease take(std::uint64_t amount) const;

  // For what cannot be refused any more: the stock may then be used beyond its capacity.
  StockLease takeAnyway(std::uint64_t amount) const;

  // Throws Busy when so much is held that nothing more should be begun.
  void requireRoom() const;

  std::uint64_t used() const;

  // Whether it is less than an eighth of the stock.
  bool isSmall() const;

 private:
  std::shared_ptr<StockLease::Counted> counted_;
};

}  // namespace h5cap
