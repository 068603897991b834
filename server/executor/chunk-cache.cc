#include "server/executor/chunk-cache.h"

#include <kj/vector.h>

#include <exception>

namespace h5cap {

// What becomes of one chunk, for those who wait for it.
struct ChunkCache::Decoding {
  struct Result {
    bool isDone = false;
    std::shared_ptr<const Bytes> bytes;
    std::exception_ptr error;
    kj::Vector<kj::Own<kj::CrossThreadPromiseFulfiller<void>>> waiting;
  };

  void finish(std::shared_ptr<const Bytes> decoded, std::exception_ptr problem) {
    auto now = result.lockExclusive();
    now->isDone = true;
    now->bytes = std::move(decoded);
    now->error = std::move(problem);
    for (auto& waiter : now->waiting) waiter->fulfill();
    now->waiting.clear();
  }

  // Null while it goes on.
  std::shared_ptr<const Bytes> outcome() const {
    auto now = result.lockShared();
    if (now->error) std::rethrow_exception(now->error);
    return now->bytes;
  }

  kj::MutexGuarded<Result> result;
};

kj::Promise<void> ChunkCache::Waiting::whenDone() {
  auto all = kj::Vector<kj::Promise<void>>();
  for (auto& [name, decoding] : others_) {
    auto now = decoding->result.lockExclusive();
    if (now->isDone) continue;
    auto paf = kj::newPromiseAndCrossThreadFulfiller<void>();
    now->waiting.add(kj::mv(paf.fulfiller));
    all.add(kj::mv(paf.promise));
  }
  return kj::joinPromises(all.releaseAsArray());
}

std::shared_ptr<const Bytes> ChunkCache::get(const ChunkKey& key,
                                             const std::function<std::shared_ptr<const Bytes>()>& decode,
                                             Waiting& waiting) {
  std::string name(key.version);
  name.append(reinterpret_cast<const char*>(&key.address), sizeof key.address);
  constexpr auto elements = SharedCache::Kind::elements;
  if (auto known = memory_.find<Bytes>(elements, name)) return known;
  // What was waited for may be too large to be kept.
  if (auto others = waiting.others_.find(name); others != waiting.others_.end()) {
    auto bytes = others->second->outcome();
    if (bytes == nullptr)
      waiting.isMissing_ = true;
    else
      waiting.others_.erase(others);  // with the memory that it may keep
    return bytes;
  }

  std::shared_ptr<Decoding> ours;
  {
    auto decodings = decodings_.lockExclusive();
    // Whoever has just finished put it there before the decoding went.
    if (auto known = memory_.find<Bytes>(elements, name)) return known;
    auto& place = (*decodings)[name];
    if (place != nullptr) {
      waiting.others_.emplace(std::move(name), place);
      waiting.isMissing_ = true;
      return nullptr;
    }
    place = ours = std::make_shared<Decoding>();
  }

  std::shared_ptr<const Bytes> bytes;
  std::exception_ptr error;
  try {
    bytes = decode();
    if (bytes->capacity() < maxBytes()) memory_.put(elements, name, bytes, bytes->capacity());
  } catch (...) {
    error = std::current_exception();
  }
  decodings_.lockExclusive()->erase(name);
  ours->finish(bytes, error);
  if (error) std::rethrow_exception(error);
  return bytes;
}

}  // namespace h5cap
