// A streamed read: tiles in order, with a bounded window.
#pragma once

#include <memory>
#include <optional>

#include "client/src/reading/tile-reader.h"
#include "h5cap/array.h"

namespace h5cap::detail {

class BulkRead {
 public:
  BulkRead(std::shared_ptr<NodeState> node, ReadPlan plan);
  ~BulkRead();

  std::optional<StreamedTile> next();
  const DataType& type() const { return plan_.type; }

 private:
  struct Arrivals;

  void start();  // from the next tile on
  std::optional<StreamedTile> take();

  std::shared_ptr<NodeState> node_;
  ReadPlan plan_;
  std::shared_ptr<Arrivals> arrivals_;
  SharedCall call_;
  std::uint64_t nextIndex_ = 0;
  bool isLost_ = false;
};

}  // namespace h5cap::detail
