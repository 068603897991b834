#include "server/executor/chunk-cache.h"

#include <condition_variable>
#include <exception>
#include <list>
#include <mutex>
#include <unordered_map>

namespace h5cap {

namespace {

constexpr std::uint64_t ENTRY_OVERHEAD_BYTES = 256;  // of the map, the list and the slot

struct KeyHash {
  std::size_t operator()(const ChunkKey& key) const {
    return std::hash<std::string>{}(key.version) ^ (key.address * 0x9e3779b97f4a7c15ull);
  }
};

}  // namespace

class ChunkCache::Impl {
 public:
  explicit Impl(std::uint64_t maxBytes) : maxBytes_(maxBytes) {}

  std::shared_ptr<const Bytes> get(const ChunkKey& key, const std::function<std::shared_ptr<const Bytes>()>& decode) {
    std::unique_lock lock(mutex_);
    auto found = entries_.find(key);
    if (found != entries_.end()) {
      auto entry = found->second;
      if (entry->state == State::kept) recent_.splice(recent_.begin(), recent_, entry->place);
      // Whoever decodes does so on a running thread and waits for nobody, so waiting here cannot deadlock.
      decoded_.wait(lock, [&] { return entry->state != State::decoding; });
      if (entry->error) std::rethrow_exception(entry->error);
      return entry->bytes;
    }
    auto entry = std::make_shared<Entry>();
    entries_.emplace(key, entry);
    lock.unlock();

    std::shared_ptr<const Bytes> bytes;
    std::exception_ptr error;
    try {
      bytes = decode();
    } catch (...) {
      error = std::current_exception();
    }

    lock.lock();
    finish(key, *entry, bytes, error);
    lock.unlock();
    decoded_.notify_all();
    if (error) std::rethrow_exception(error);
    return bytes;
  }

  std::uint64_t maxBytes() const { return maxBytes_; }

  std::uint64_t bytes() const {
    std::lock_guard lock(mutex_);
    return bytes_;
  }

 private:
  enum class State { decoding, kept, gone };
  struct Entry {
    State state = State::decoding;
    std::shared_ptr<const Bytes> bytes;
    std::exception_ptr error;
    std::list<ChunkKey>::iterator place;  // while kept
  };

  static std::uint64_t cost(const Bytes& bytes) { return bytes.capacity() + ENTRY_OVERHEAD_BYTES; }

  void finish(const ChunkKey& key, Entry& entry, const std::shared_ptr<const Bytes>& bytes, std::exception_ptr error) {
    entry.bytes = bytes;
    entry.error = error;
    if (error || cost(*bytes) > maxBytes_) {
      entry.state = State::gone;
      entries_.erase(key);
      return;
    }
    entry.state = State::kept;
    recent_.push_front(key);
    entry.place = recent_.begin();
    bytes_ += cost(*bytes);
    while (bytes_ > maxBytes_) {
      auto oldest = entries_.find(recent_.back());
      bytes_ -= cost(*oldest->second->bytes);
      oldest->second->state = State::gone;
      entries_.erase(oldest);
      recent_.pop_back();
    }
  }

  const std::uint64_t maxBytes_;
  mutable std::mutex mutex_;
  std::condition_variable decoded_;
  std::uint64_t bytes_ = 0;
  std::unordered_map<ChunkKey, std::shared_ptr<Entry>, KeyHash> entries_;
  std::list<ChunkKey> recent_;  // kept ones, most recently used first
};

ChunkCache::ChunkCache(std::uint64_t maxBytes) : impl_(std::make_unique<Impl>(maxBytes)) {}

ChunkCache::~ChunkCache() = default;

std::shared_ptr<const Bytes> ChunkCache::get(const ChunkKey& key, const std::function<std::shared_ptr<const Bytes>()>& decode) {
  return impl_->get(key, decode);
}

std::uint64_t ChunkCache::bytes() const { return impl_->bytes(); }
std::uint64_t ChunkCache::maxBytes() const { return impl_->maxBytes(); }

}  // namespace h5cap
