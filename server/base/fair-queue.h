// Work in the order in which it is done: principals take turns, and so do the connections of each.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <utility>

#include "server/base/work.h"

namespace h5cap {

// Queues that take turns.
template <class Key, class Queue>
class Turns {
 public:
  bool empty() const { return turns_.empty(); }

  Queue& of(Key key) {
    const auto [place, isNew] = queues_.try_emplace(key);
    if (isNew) turns_.push_back(key);
    return place->second;
  }

  // Calls `visit` with the queue whose turn it is.  Not when there is none.
  template <class Visit>
  auto next(Visit&& visit) {
    const Key key = turns_.front();
    auto place = queues_.find(key);
    auto result = visit(place->second);
    turns_.pop_front();
    if (place->second.empty())
      queues_.erase(place);
    else
      turns_.push_back(key);
    return result;
  }

  // To be called when something was taken out of a queue.
  void forgetIfEmpty(Key key) {
    auto place = queues_.find(key);
    if (!place->second.empty()) return;
    queues_.erase(place);
    turns_.remove(key);
  }

 private:
  std::map<Key, Queue> queues_;  // no empty ones
  std::list<Key> turns_;         // next first
};

class FairQueue {
 public:
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }

  void add(const std::shared_ptr<Work>& work) {
    ++size_;
    if (size_ == 1) {
      only_ = work;
      return;
    }
    if (only_) line(std::exchange(only_, nullptr));
    line(work);
  }

  // The next one.  Not when it is empty.
  std::shared_ptr<Work> take() {
    --size_;
    auto work = only_ ? std::exchange(only_, nullptr) : takeFromLine();
    work->state = Work::State::taken;
    return work;
  }

  // Takes one that is queued out.
  void remove(Work& work) {
    --size_;
    work.state = Work::State::taken;
    if (only_) {
      only_ = nullptr;
      return;
    }
    OfPrincipal& ofPrincipal = principals_.of(work.owner.principal);
    ofPrincipal.of(work.owner.connection).erase(work.place);
    ofPrincipal.forgetIfEmpty(work.owner.connection);
    principals_.forgetIfEmpty(work.owner.principal);
  }

 private:
  using Queue = std::list<std::shared_ptr<Work>>;
  using OfPrincipal = Turns<std::uint64_t, Queue>;  // by connection

  void line(const std::shared_ptr<Work>& work) {
    Queue& queue = principals_.of(work->owner.principal).of(work->owner.connection);
    work->place = queue.insert(queue.end(), work);
  }

  std::shared_ptr<Work> takeFromLine() {
    return principals_.next([](OfPrincipal& ofPrincipal) {
      return ofPrincipal.next([](Queue& queue) {
        auto first = queue.front();
        queue.pop_front();
        return first;
      });
    });
  }

  std::shared_ptr<Work> only_;  // the one that is queued, when nothing else was since the queue was empty
  Turns<PrincipalId, OfPrincipal> principals_;
  std::size_t size_ = 0;
};

}  // namespace h5cap
