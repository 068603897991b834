// What planners have said of one version of one file.
#pragma once

#include <kj/async.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "core/footprint.h"
#include "server/base/shared-cache.h"

namespace h5cap {

// Answers by topic and detail, in the SharedCache of all files: they outlive this object, the planner and the
// descriptor, and are found again by the version's name.  A question that is being asked is waited for, not asked
// twice.  One that everybody has given up waiting for goes on, for whoever asks again, unless it is one of many.  What
// fails is not remembered.
//
// Belongs to the event loop's thread, and outlives the promises that it returns.
class Knowledge {
 public:
  enum class Topic : char { info, path, node, reference, storage, mappings, extents };

  // For how long: whether anybody will look under the version's name again.
  enum class Lifetime { lasting, ofThis };

  // `memory` outlives it.  `version` names one state of one file, and is never used for another.
  Knowledge(const SharedCache& memory, std::string version, Lifetime lifetime)
      : memory_(memory), version_(std::move(version)), lifetime_(lifetime) {}
  ~Knowledge() noexcept;
  KJ_DISALLOW_COPY(Knowledge);

  const std::string& version() const { return version_; }
  const SharedCache& memory() const { return memory_; }

  // Null when it is not known.  What a topic keeps is of one type.
  template <class Value>
  std::shared_ptr<const Value> find(Topic topic, const std::string& detail) const {
    return memory_.find<Value>(SharedCache::Kind::knowledge, keyOf(topic, detail));
  }

  // `bytes`: what the value holds.  Answers to questions that are longer than any real path are not kept.
  void keep(Topic topic, const std::string& detail, std::shared_ptr<const void> value, std::uint64_t bytes);

  // The answer of `ask`, or of somebody else's who asks the same at the moment.
  template <class Value, class Ask>
  kj::Promise<std::shared_ptr<const Value>> once(Topic topic, const std::string& detail, Ask&& ask);

  // What is known, or else what `ask` answers, which is then known.
  template <class Value, class Ask>
  kj::Promise<std::shared_ptr<const Value>> get(Topic topic, const std::string& detail, Ask&& ask);

 private:
  using Anything = std::shared_ptr<const void>;
  struct Asking {
    kj::ForkedPromise<Anything> answer;
    std::shared_ptr<bool> isDone;
    std::uint64_t id = 0;
    unsigned waiting = 0;
  };

  static constexpr std::size_t longestDetail = 8192;
  static constexpr std::size_t mostUnwanted = 8;

  std::string keyOf(Topic topic, const std::string& detail) const;
  void forgetDone();
  kj::Own<void> waitFor(const std::string& key);
  void stopWaiting(const std::string& key, std::uint64_t id);

  const SharedCache& memory_;
  const std::string version_;
  const Lifetime lifetime_;
  std::map<std::string, Asking> asking_;  // by key
  std::uint64_t lastId_ = 0;
  std::set<std::string> ofThis_;          // keys that go with this
};

// The bytes of a number, for details.
template <class Number>
std::string detailOf(Number number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

// ---------------------------------------------------------------------------------------------------- implementation

template <class Value, class Ask>
kj::Promise<std::shared_ptr<const Value>> Knowledge::once(Topic topic, const std::string& detail, Ask&& ask) {
  using Shared = std::shared_ptr<const Value>;
  const std::string key = keyOf(topic, detail);
  auto found = asking_.find(key);
  if (found == asking_.end() || *found->second.isDone) {
    forgetDone();
    auto isDone = std::make_shared<bool>(false);
    auto answer = kj::Promise<Shared>(ask()).then(
        [isDone](Shared value) -> Anything {
          *isDone = true;
          return value;
        },
        [isDone](kj::Exception&& problem) -> Anything {
          *isDone = true;
          kj::throwFatalException(kj::mv(problem));
        });
    found = asking_.insert_or_assign(key, Asking{answer.fork(), isDone, ++lastId_}).first;
  }
  auto waiting = waitFor(key);
  return found->second.answer.addBranch()
      .then([](Anything value) { return std::static_pointer_cast<const Value>(value); })
      .attach(kj::mv(waiting));
}

template <class Value, class Ask>
kj::Promise<std::shared_ptr<const Value>> Knowledge::get(Topic topic, const std::string& detail, Ask&& ask) {
  using Shared = std::shared_ptr<const Value>;
  if (auto known = find<Value>(topic, detail)) return Shared(std::move(known));
  return once<Value>(topic, detail, [&] {
    return kj::Promise<Shared>(ask()).then([this, topic, detail](Shared value) {
      keep(topic, detail, value, footprint(*value));
      return value;
    });
  });
}

}  // namespace h5cap
