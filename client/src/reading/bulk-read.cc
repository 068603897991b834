#include "client/src/reading/bulk-read.h"

#include <map>

#include "client/src/reading/read.h"
#include "client/src/rpc/retry.h"
#include "client/src/threads/guarded.h"
#include "h5cap/error.h"

namespace h5cap::detail {

// What has arrived and has not been taken yet; between the loop's thread and the one that takes.
struct BulkRead::Arrivals final : TileReader::Receiver {
  struct Slot {
    SharedCall arrival = std::make_shared<Call>();
    std::optional<StreamedTile> tile;
    Heap heap;                // of the tile, until it is done
    std::uint64_t share = 0;  // of the window
  };

  struct State {
    std::map<std::uint64_t, Slot> slots;
    std::optional<std::uint64_t> tileCount;
    std::exception_ptr problem;
  };
  Guarded<State> state;
  TileReader* reader = nullptr;  // on the loop's thread only, while it lives
  DataType type;
  std::shared_ptr<const OneVersion> version;  // likewise

  SharedCall arrivalOf(std::uint64_t index) {
    auto now = state.lock();
    auto arrival = now->slots[index].arrival;
    if (now->problem) arrival->finish(now->problem);
    if (now->tileCount && index >= *now->tileCount) arrival->finish(nullptr);
    return arrival;
  }

  void piece(std::uint64_t index, const Tile& tile, const Reply& reply) override {
    auto now = state.lock();
    auto& slot = now->slots[index];
    Shape counts = tile.region.counts();
    if (!slot.tile) {
      slot.tile.emplace();
      slot.tile->inResult = tile.inResult;
      slot.tile->shape = counts;
      slot.tile->elements.resize(elementCount(counts) * type.size());
      slot.tile->version = version->held();
    }
    std::vector<Positions> inTile;
    for (auto count : counts) inTile.push_back({0, 1, count, {}, false});
    place(reply.body, type, counts, inTile, slot.tile->elements, counts, slot.heap);
    slot.arrival->noteProgress();
  }

  void partArrived(std::uint64_t index) override { state.lock()->slots[index].arrival->noteProgress(); }

  bool tileDone(std::uint64_t index, const Tile& tile) override {
    auto now = state.lock();
    auto& slot = now->slots[index];
    slot.share = reader->windowShare(tile);
    if (slot.tile) slot.tile->heap = slot.heap.take();
    slot.arrival->finish(nullptr);
    return false;
  }

  void noMoreTiles(std::uint64_t count) override {
    auto now = state.lock();
    now->tileCount = count;
    for (auto at = now->slots.lower_bound(count); at != now->slots.end(); ++at) at->second.arrival->finish(nullptr);
  }

  void fail(std::exception_ptr why) {
    auto now = state.lock();
    now->problem = why;
    for (auto& [index, slot] : now->slots) slot.arrival->finish(why);
  }
};

BulkRead::BulkRead(std::shared_ptr<NodeState> node, ReadPlan plan, ReadVersion ifVersion)
    : node_(std::move(node)), plan_(std::move(plan)), ifVersion_(std::move(ifVersion)) {
  begin();
  retried(node_->connection(), [this] { start(); });
}

void BulkRead::begin() {
  ++beginnings_;
  plan_.version = std::make_shared<OneVersion>(node_->path(), ifVersion_,
                                               [node = node_] { return node->isKnownToBeFollowed(); });
}

void BulkRead::start() {
  plan_.node = node_->remote();
  plan_.firstTile = nextIndex_;
  auto arrivals = std::make_shared<Arrivals>();
  arrivals->type = plan_.type;
  arrivals->version = plan_.version;
  auto call = std::make_shared<Call>();
  call->whenDone = [arrivals, weak = std::weak_ptr<Call>(call)] {
    try {
      weak.lock()->check();
    } catch (...) {
      arrivals->fail(std::current_exception());
    }
  };
  plan_.node->channel->noteSent();
  plan_.node->channel->start(call, [arrivals, plan = plan_]() -> kj::Promise<void> {
    std::vector<Positions> whole;
    for (auto count : plan.region.counts()) whole.push_back({0, 1, count, {}, false});
    auto reader = kj::heap<TileReader>(plan, std::vector<std::vector<Positions>>{whole}, *arrivals);
    arrivals->reader = reader.get();
    auto promise = reader->run();
    return promise.attach(kj::mv(reader), kj::defer([arrivals] { arrivals->reader = nullptr; }));
  });
  arrivals_ = std::move(arrivals);
  call_ = std::move(call);
}

BulkRead::~BulkRead() { Channel::cancel(call_); }

std::optional<StreamedTile> BulkRead::next() {
  return retried(node_->connection(), [this] {
    for (;;) {
      if (isLost_ || !call_->isOurs()) start();
      isLost_ = false;
      try {
        return take();
      } catch (const Disconnected&) {
        isLost_ = true;
        throw;
      } catch (const FileError&) {
        // Whoever has a tile already would get the rest of another version.
        if (nextIndex_ > 0 || !plan_.version->hasChanged() || beginnings_ == MOST_BEGINNINGS) throw;
      }
      plan_.pace = Pace::afterTheFirst;
      begin();
      start();
    }
  });
}

std::optional<StreamedTile> BulkRead::take() {
  node_->connection().wait(arrivals_->arrivalOf(nextIndex_), Connection::GiveUp::leave);
  std::optional<StreamedTile> tile;
  std::uint64_t share = 0;
  {
    auto state = arrivals_->state.lock();
    if (state->problem && nextIndex_ == 0) std::rethrow_exception(state->problem);  // before any is taken
    auto found = state->slots.find(nextIndex_);
    tile = std::move(found->second.tile);
    share = found->second.share;
    state->slots.erase(found);
  }
  if (!tile) return std::nullopt;
  ++nextIndex_;
  plan_.node->channel->loop().post([arrivals = arrivals_, node = node_, share] {
    if (arrivals->reader) arrivals->reader->release(share);
  });
  return tile;
}

}  // namespace h5cap::detail
