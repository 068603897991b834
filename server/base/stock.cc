#include "server/base/stock.h"

#include <kj/mutex.h>

#include "h5cap/error.h"

namespace h5cap {

namespace {

constexpr std::uint64_t RESERVED_PART = 16, SMALL_PART = 256;

}  // namespace

struct Stock::State {
  State(std::string what, std::uint64_t capacity) : what(std::move(what)), capacity(capacity) {}

  const std::string what;
  const std::uint64_t capacity;
  kj::MutexGuarded<std::uint64_t> used{0u};

  std::uint64_t left(std::uint64_t used) const { return used < capacity ? capacity - used : 0; }
};

// Under the stock's lock.
struct StockLease::Counted {
  explicit Counted(std::shared_ptr<Stock::State> stock) : stock(std::move(stock)) {}

  const std::shared_ptr<Stock::State> stock;
  std::uint64_t used = 0;
};

StockLease& StockLease::operator=(StockLease&& other) noexcept {
  std::swap(counted_, other.counted_);
  std::swap(amount_, other.amount_);
  return *this;
}

StockLease::~StockLease() {
  if (counted_ == nullptr) return;
  auto used = counted_->stock->used.lockExclusive();
  *used -= amount_;
  counted_->used -= amount_;
}

Stock::Stock(std::string what, std::uint64_t capacity) : state_(std::make_shared<State>(std::move(what), capacity)) {}

std::uint64_t Stock::capacity() const { return state_->capacity; }
std::uint64_t Stock::used() const { return *state_->used.lockShared(); }

Share::Share(const Stock& stock) : counted_(std::make_shared<StockLease::Counted>(stock.state_)) {}

std::optional<StockLease> Share::tryTake(std::uint64_t amount) const {
  Stock::State& stock = *counted_->stock;
  auto used = stock.used.lockExclusive();
  const std::uint64_t left = stock.left(*used), reserve = stock.capacity / RESERVED_PART;
  const std::uint64_t free = left > reserve ? left - reserve : 0;
  // Twice, since what it holds has to fit into what is left.
  const bool isFair = amount <= free && counted_->used + amount <= free - amount;
  const bool isSmall = amount <= left && counted_->used + amount <= stock.capacity / SMALL_PART;
  if (!isFair && !isSmall) return std::nullopt;
  *used += amount;
  counted_->used += amount;
  return StockLease(counted_, amount);
}

StockLease Share::take(std::uint64_t amount) const {
  if (auto lease = tryTake(amount)) return std::move(*lease);
  const std::string& what = counted_->stock->what;
  throw Busy("too many " + what + ": " + std::to_string(used()) + " are yours; drop some, or try again later");
}

StockLease Share::takeAnyway(std::uint64_t amount) const {
  auto used = counted_->stock->used.lockExclusive();
  *used += amount;
  counted_->used += amount;
  return StockLease(counted_, amount);
}

void Share::requireRoom() const {
  Stock::State& stock = *counted_->stock;
  std::uint64_t mine = 0;
  {
    auto used = stock.used.lockShared();
    const std::uint64_t left = stock.left(*used), reserve = stock.capacity / RESERVED_PART;
    mine = counted_->used;
    if (mine < stock.capacity / SMALL_PART || (left > reserve && mine <= left - reserve)) return;
  }
  throw Busy("too many " + stock.what + ": " + std::to_string(mine) + " are yours; drop some, or try again later");
}

bool Share::isSmall() const { return used() < counted_->stock->capacity / 8; }

std::uint64_t Share::used() const {
  auto lock = counted_->stock->used.lockShared();
  return counted_->used;
}

}  // namespace h5cap
