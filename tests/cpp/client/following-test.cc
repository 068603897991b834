// A client that follows a dataset keeps one description of it, however often it is refreshed; what was handed out stays
// as it was for as long as somebody holds it.
#include <doctest/doctest.h>

#include <memory>

#include "h5cap/client.h"
#include "tests/support/fake-server.h"
#include "tests/support/heap-bytes.h"

using namespace h5cap;
using namespace h5cap::test;

TEST_CASE("a dataset that is followed has one description") {
  FakeServer server({{"/line", counting({1000}, 4, {100})}});
  // Some kilobytes each, so that any that stayed would show.
  server.lies.lockExclusive()->node = [](rpc::NodeInfo::Builder node) {
    if (node.getKind() == rpc::NodeKind::DATASET) node.getDataset().initFilters(1)[0].initParameters(8000);
  };
  auto line = connect(server.url()).open("file.h5").dataset("/line");
  const auto first = line.info();
  std::weak_ptr<const DatasetInfo> second;
  std::uint64_t settled = 0;
  for (std::uint64_t rows = 1001; rows < 6000; ++rows) {
    server.rows = rows;
    CHECK(line.refresh().space.shape == Shape{rows});
    REQUIRE(line.info()->space.shape == Shape{rows});
    if (rows == 1001) second = line.info();
    if (rows == 1500) settled = heapBytes();
  }
  CHECK(second.expired());
  CHECK(first->space.shape == Shape{1000});  // still held, still as it was
  CHECK(heapBytes() < settled + (8 << 20));  // of 4,500 × 32 KB

  std::vector<std::shared_ptr<const DatasetInfo>> held;  // the control: what is held stays
  for (std::uint64_t rows = 1; rows < 1000; ++rows) {
    server.rows = rows;
    line.refresh();
    held.push_back(line.info());
  }
  CHECK(heapBytes() > settled + (20 << 20));
}
