// TileStream: a view tile by tile.
#include "client/src/reading/bulk-read.h"
#include "client/src/reading/read.h"
#include "h5cap/dataset.h"

namespace h5cap {

TileStream::TileStream(std::unique_ptr<detail::BulkRead> read) : read_(std::move(read)) {}
TileStream::TileStream(TileStream&&) noexcept = default;
TileStream& TileStream::operator=(TileStream&&) noexcept = default;
TileStream::~TileStream() = default;

std::optional<StreamedTile> TileStream::next() { return read_->next(); }
const DataType& TileStream::type() const { return read_->type(); }

TileStream View::tiles(const ReadOptions& options) const {
  const auto known = node_->info();
  const NodeInfo& info = *known;
  detail::checkReadable(info, node_->path());
  auto& defaults = node_->connection().options;
  detail::ReadPlan plan;
  plan.type = detail::typeOfRead(info, options);
  plan.fields = options.fields;
  plan.chunkShape = info.dataset->chunkShape;
  if (selection_.isOrthogonal()) {
    plan.region = resolve(selection_, node_->shape());
  } else {
    plan.elements.emplace(selection_, node_->shape());
    plan.region = Region{{RegionAxis{0, 1, plan.elements->elementCount(), {}, false}}};
  }
  plan.raiseMissingSources = options.raiseMissingSources;
  plan.tileBytes = detail::tileBytes(options, defaults);
  plan.windowBytes = detail::windowBytes(options, defaults);
  return TileStream(std::make_unique<detail::BulkRead>(node_, std::move(plan), options.ifVersion));
}

}  // namespace h5cap
