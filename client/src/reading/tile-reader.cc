#include "client/src/reading/tile-reader.h"

#include <algorithm>
#include <utility>

#include "client/src/rpc/checked.h"
#include "core/wire.h"

namespace h5cap::detail {

namespace {

// A place of variable-length data stands for more bytes than it takes, which tiles and their share of the window
// allow for.
constexpr std::uint64_t VARIABLE_FACTOR = 8;

// However small they are: a server counts calls, too.
constexpr std::uint64_t MOST_UNDER_WAY = 512;

bool holds(const Shape& shape, const Region& region) {
  if (shape.size() != region.axes.size()) return false;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (!allBelow(region.axes[axis], shape[axis])) return false;
  }
  return true;
}

[[noreturn]] void unasked() {
  throw FileError("the server sent a reply that is not to the question: it brings nothing of what is missing",
                  ErrorCode::fileProblem);
}

}  // namespace

ReadAnswer sendRead(RemoteNode& node, const Selection& selection, const ReadTerms& terms) {
  auto request = node.node.castAs<rpc::Dataset>().readRequest();
  wire::write(selection, request.initSelection());
  auto options = request.initOptions();
  options.setReplyBytes(terms.replyBytes);
  if (terms.first > 0 || terms.firstByte > 0) {
    auto cursor = options.initCursor();
    cursor.setElement(terms.first);
    cursor.setByte(terms.firstByte);
  }
  options.initForms(1).set(0, rpc::Form::PARTS);
  if (terms.raiseMissingSources) options.setMissingSources(rpc::MissingSources::RAISE);
  if (!terms.fields.empty()) {
    auto names = options.initFields(static_cast<unsigned>(terms.fields.size()));
    for (unsigned i = 0; i < names.size(); ++i) names.set(i, terms.fields[i].c_str());
  }
  if (!terms.knownVersion.empty()) options.setKnownVersion(wire::asData(terms.knownVersion));
  if (!terms.ifVersion.file.empty()) options.setIfVersion(wire::asData(terms.ifVersion.file));
  if (!terms.ifVersion.sources.empty()) options.setIfSources(wire::asData(terms.ifVersion.sources));
  options.setDeadlineMs(terms.deadlineMs);
  return request.send();
}

// A tile that is under way.
struct TileReader::Asked {
  std::uint64_t index;
  ReadTile tile;
  Parts parts;
  Version known;
  std::optional<ElementAssembly> begun;  // the first that is missing

  ElementRun firstGap() const { return parts.total() > 0 ? parts.firstGap() : ElementRun{}; }
};

TileReader::TileReader(ReadPlan plan, std::vector<std::vector<Positions>> boxes, Receiver& receiver)
    : plan_(std::move(plan)), receiver_(receiver), tasks_(*this) {
  auto tileBytes =
      plan_.type.hasVariable() ? std::max<std::uint64_t>(plan_.tileBytes / VARIABLE_FACTOR, 1) : plan_.tileBytes;
  tiles_ = plan_.elements
               ? elementTiles(*plan_.elements, plan_.chunkShape, plan_.type.size(), tileBytes)
               : regionTiles(plan_.region, std::move(boxes), plan_.chunkShape, plan_.type.size(), tileBytes);
}

kj::Promise<void> TileReader::run() {
  auto paf = kj::newPromiseAndFulfiller<void>();
  done_ = kj::mv(paf.fulfiller);
  checked([&] {
    while (nextIndex_ < plan_.firstTile && tiles_->next()) ++nextIndex_;
    pump();
  });
  return kj::mv(paf.promise);
}

std::uint64_t TileReader::windowShare(const Tile& tile) const {
  return tile.region.elementCount() * plan_.type.size() * (plan_.type.hasVariable() ? VARIABLE_FACTOR : 1);
}

// One tile is always under way, however large; and no other while the version is still to be learnt, if need be.
bool TileReader::mayAsk() const {
  if (held_ == 0) return true;
  const bool mayRunAhead = plan_.pace == Pace::atOnce || plan_.version->isKnown();
  return mayRunAhead && underWay_ < MOST_UNDER_WAY && held_ + plan_.tileBytes <= plan_.windowBytes;
}

void TileReader::pump() {
  while (!exhausted_ && mayAsk()) {
    auto tile = tiles_->next();
    if (!tile) {
      exhausted_ = true;
      break;
    }
    held_ += windowShare(*tile);
    ++underWay_;
    auto known = tile->isRegion ? receiver_.knownVersion(*tile) : Version();
    auto total = tile->region.elementCount();
    auto asked = std::make_shared<Asked>(
        Asked{nextIndex_++, std::move(*tile), Parts(total), std::move(known), std::exchange(plan_.begun, {})});
    if (asked->begun && plan_.type.hasVariable()) assembling_ = asked;
    tasks_.add(ask(std::move(asked)));
  }
  finishIfDone();
}

void TileReader::finishIfDone() {
  if (!exhausted_ || underWay_ > 0 || isFinishing_) return;
  isFinishing_ = true;
  if (!plan_.version->isToBeChecked()) {
    receiver_.noMoreTiles(nextIndex_);
    done_->fulfill();
    return;
  }
  tasks_.add(checkSources().then([this] {
    receiver_.noMoreTiles(nextIndex_);
    done_->fulfill();
  }));
}

// Whether all sources still are what they were when each of them was read: then they all were so at this moment.
kj::Promise<void> TileReader::checkSources() {
  plan_.node->channel->noteAwaited();
  plan_.node->channel->noteSent();
  ReadTerms terms;
  terms.ifVersion = plan_.version->held();
  return sendRead(*plan_.node, Selection({range(0, 0)}), terms)
      .ignoreResult()
      .catch_([this](kj::Exception&& problem) { plan_.version->refused(kj::mv(problem)); });
}

void TileReader::release(std::uint64_t bytes) {
  held_ -= std::min(bytes, held_);
  checked([&] { pump(); });
}

kj::Promise<void> TileReader::ask(std::shared_ptr<Asked> asked) {
  const std::uint64_t elementBytes = plan_.type.size();
  const auto& region = asked->tile.region;
  std::uint64_t replyBytes = std::max(plan_.tileBytes, region.elementCount() * elementBytes);
  const ElementRun gap = asked->firstGap();
  // What comes after the gap is here, and is not to come again.
  if (gap.first + gap.count < asked->parts.total() && elementBytes > 0) replyBytes = gap.count * elementBytes;
  if (asked->begun) replyBytes = rpc::MAX_REPLY_BYTES;
  ReadTerms terms;
  terms.first = gap.first;
  terms.firstByte = asked->begun ? asked->begun->nextByte() : 0;
  terms.replyBytes = std::min<std::uint64_t>(replyBytes, rpc::MAX_REPLY_BYTES);
  terms.raiseMissingSources = plan_.raiseMissingSources;
  terms.fields = plan_.fields;
  terms.knownVersion = asked->known;
  terms.ifVersion = plan_.version->held();
  return sendRead(*plan_.node, asked->tile.selection, terms)
      .then(
          [this, asked, ifVersion = terms.ifVersion](auto reply) {
            return checked([&] { return receive(asked, ifVersion, reply); });
          },
          [this](kj::Exception&& problem) -> kj::Promise<void> { plan_.version->refused(kj::mv(problem)); });
}

kj::Promise<void> TileReader::receive(std::shared_ptr<Asked> asked, const ReadVersion& ifVersion,
                                      rpc::ReadReply::Reader wire) {
  Reply reply = readReply(wire, plan_.type);
  plan_.version->take(ifVersion, reply.version);
  if (asked->tile.isRegion && !holds(reply.shape, asked->tile.region)) plan_.version->reshaped();
  if (plan_.elements && reply.shape.size() != plan_.elements->datasetShape().size()) {
    throw FileError("the server sent a reply about a dataset of another rank", ErrorCode::fileProblem);
  }
  if (std::holds_alternative<PartRun>(reply.body)) return receivePart(std::move(asked), std::move(reply));
  if (asked->begun) unasked();
  if (assembling_ == asked) passTurn();
  if (std::holds_alternative<Unchanged>(reply.body)) {
    if (asked->known.empty() || reply.version.file != asked->known) unasked();
    asked->parts.add({0, asked->parts.total()});
    receiver_.unchanged(asked->index, asked->tile);
  } else {
    asked->parts.add(runOf(reply.body));
    receiver_.piece(asked->index, asked->tile, reply);
  }
  if (!asked->parts.isComplete()) {
    if (runOf(reply.body).count == 0) unasked();
    asked->known.clear();
    return ask(std::move(asked));
  }
  tileIsDone(*asked);
  return kj::READY_NOW;
}

kj::Promise<void> TileReader::receivePart(std::shared_ptr<Asked> asked, Reply reply) {
  const auto& part = std::get<PartRun>(reply.body);
  const bool hasHeap = plan_.type.hasVariable();
  if (hasHeap && assembling_ != nullptr && assembling_ != asked) {
    waiting_.push_back(std::move(asked));
    return kj::READY_NOW;
  }
  if (!asked->begun) asked->begun.emplace(plan_.type, asked->firstGap().first);
  asked->begun->take(part);
  asked->known.clear();
  const bool isWhole = asked->begun->isWhole();
  if (hasHeap) {
    assembling_ = asked;
    if (isWhole) reply.body = asked->begun->whole();
  }
  if (hasHeap && !isWhole) {
    receiver_.partArrived(asked->index);
  } else {
    receiver_.piece(asked->index, asked->tile, reply);
  }
  if (!isWhole) return ask(std::move(asked));
  asked->parts.add(runOf(reply.body));
  asked->begun.reset();
  if (hasHeap) passTurn();
  if (!asked->parts.isComplete()) return ask(std::move(asked));
  tileIsDone(*asked);
  return kj::READY_NOW;
}

// What waits begins again: what came of it was not kept.
void TileReader::passTurn() {
  assembling_ = nullptr;
  if (waiting_.empty()) return;
  assembling_ = std::move(waiting_.front());
  waiting_.pop_front();
  tasks_.add(ask(assembling_));
}

void TileReader::tileIsDone(const Asked& asked) {
  --underWay_;
  if (receiver_.tileDone(asked.index, asked.tile)) held_ -= windowShare(asked.tile);
  pump();
}

void TileReader::taskFailed(kj::Exception&& problem) { done_->reject(kj::mv(problem)); }

}  // namespace h5cap::detail
