#include "client/src/reading/tile-reader.h"

#include <algorithm>

#include "client/src/rpc/checked.h"
#include "core/wire.h"

namespace h5cap::detail {

namespace {

// A place of variable-length data stands for more bytes than it takes, which tiles and their share of the window
// allow for.
constexpr std::uint64_t VARIABLE_FACTOR = 8;

}  // namespace

ReadAnswer sendRead(RemoteNode& node, const Selection& selection, const ReadTerms& terms) {
  auto request = node.node.castAs<rpc::Dataset>().readRequest();
  wire::write(selection, request.initSelection());
  auto options = request.initOptions();
  options.setReplyBytes(terms.replyBytes);
  if (terms.first > 0) options.initCursor().setElement(terms.first);
  if (terms.raiseMissingSources) options.setMissingSources(rpc::MissingSources::RAISE);
  if (!terms.fields.empty()) {
    auto names = options.initFields(static_cast<unsigned>(terms.fields.size()));
    for (unsigned i = 0; i < names.size(); ++i) names.set(i, terms.fields[i].c_str());
  }
  if (!terms.knownVersion.empty()) options.setKnownVersion(wire::asData(terms.knownVersion));
  options.setDeadlineMs(terms.deadlineMs);
  return request.send();
}

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

void TileReader::pump() {
  // One tile is always under way, however large.
  while (!exhausted_ && (held_ == 0 || held_ + plan_.tileBytes <= plan_.windowBytes)) {
    auto tile = tiles_->next();
    if (!tile) {
      exhausted_ = true;
      receiver_.noMoreTiles(nextIndex_);
      break;
    }
    held_ += windowShare(*tile);
    ++underWay_;
    auto index = nextIndex_++;
    auto known = tile->isRegion ? receiver_.knownVersion(*tile) : Version();
    tasks_.add(read(index, std::make_shared<ReadTile>(std::move(*tile)), 0, std::move(known)));
  }
  finishIfDone();
}

void TileReader::finishIfDone() {
  if (exhausted_ && underWay_ == 0) done_->fulfill();
}

void TileReader::release(std::uint64_t bytes) {
  held_ -= std::min(bytes, held_);
  checked([&] { pump(); });
}

kj::Promise<void> TileReader::read(std::uint64_t index, std::shared_ptr<ReadTile> tile, std::uint64_t first,
                                 Version known) {
  std::uint64_t replyBytes = std::max(plan_.tileBytes, tile->region.elementCount() * plan_.type.size());
  ReadTerms terms{first, std::min<std::uint64_t>(replyBytes, rpc::MAX_REPLY_BYTES), plan_.raiseMissingSources,
                  plan_.fields, known};
  auto answer = sendRead(*plan_.node, tile->selection, terms);
  return answer.then([this, index, tile, first, known = std::move(known)](auto reply) -> kj::Promise<void> {
    return checked([&]() -> kj::Promise<void> {
      Piece piece = checkPiece(reply, plan_.type, first, tile->region.elementCount(), known);
      if (piece.isUnchanged) {
        receiver_.unchanged(index, *tile);
      } else {
        receiver_.piece(index, *tile, piece, reply);
      }
      if (!piece.isLast) return read(index, tile, first + piece.count, {});
      --underWay_;
      if (receiver_.tileDone(index, *tile)) held_ -= windowShare(*tile);
      pump();
      return kj::READY_NOW;
    });
  });
}

void TileReader::taskFailed(kj::Exception&& problem) { done_->reject(kj::mv(problem)); }

}  // namespace h5cap::detail
