// A streamed read: tiles in order, of one version, with a bounded window.  It begins again when the file changes before
// the first tile was taken; after that, and after a lost connection, it goes on with the same version or not at all.
#pragma once

#include <memory>
#include <optional>

#include "client/src/reading/tile-reader.h"
#include "h5cap/array.h"

namespace h5cap::detail {

class BulkRead {
 public:
  // `plan`: all but the version.
  BulkRead(std::shared_ptr<NodeState> node, ReadPlan plan, ReadVersion ifVersion);
  ~BulkRead();

  std::optional<StreamedTile> next();
  const DataType& type() const { return plan_.type; }

 private:
  struct Arrivals;

  void begin();  // with another version
  void start();  // from the next tile on
  std::optional<StreamedTile> take();

  std::shared_ptr<NodeState> node_;
  ReadPlan plan_;
  const ReadVersion ifVersion_;
  std::shared_ptr<Arrivals> arrivals_;
  SharedCall call_;
  std::uint64_t nextIndex_ = 0;
  bool isLost_ = false;
  int beginnings_ = 0;
};

}  // namespace h5cap::detail
