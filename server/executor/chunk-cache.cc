#include "server/executor/chunk-cache.h"

#include <condition_variable>
#include <exception>
#include <optional>

#include "server/base/guarded-value.h"

namespace h5cap {

// What becomes of one chunk, for those who wait for it.
struct ChunkCache::Decoding {
  void finish(std::shared_ptr<const Bytes> decoded, std::exception_ptr problem) {
    *result.lock() = Result{true, std::move(decoded), std::move(problem)};
    done.notify_all();
  }

  // Whoever decodes does so on a running thread and waits for nobody, so waiting here cannot deadlock.
  std::shared_ptr<const Bytes> wait() {
    auto result = this->result.lock();
    result.wait(done, [&] { return result->isDone; });
    if (result->error) std::rethrow_exception(result->error);
    return result->bytes;
  }

  struct Result {
    bool isDone = false;
    std::shared_ptr<const Bytes> bytes;
    std::exception_ptr error;
  };

  GuardedValue<Result> result;
  std::condition_variable done;
};

std::shared_ptr<const Bytes> ChunkCache::get(const ChunkKey& key,
                                             const std::function<std::shared_ptr<const Bytes>()>& decode) {
  std::string name(key.version);
  name.append(reinterpret_cast<const char*>(&key.address), sizeof key.address);
  constexpr auto elements = SharedCache::Kind::elements;
  if (auto known = memory_.find<Bytes>(elements, name)) return known;

  std::shared_ptr<Decoding> ours, others;
  {
    auto decodings = decodings_.lockExclusive();
    // Whoever has just finished put it there before the decoding went.
    if (auto known = memory_.find<Bytes>(elements, name)) return known;
    auto& place = (*decodings)[name];
    if (place != nullptr)
      others = place;
    else
      place = ours = std::make_shared<Decoding>();
  }
  if (others != nullptr) return others->wait();

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
