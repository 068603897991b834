// An h5cap server within the test: one file, "file.h5", with datasets that the test makes up, and every fault that a
// real server should not have.  It listens on a Unix socket in a folder of its own, on a thread of its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <h5cap/service.capnp.h>
#include <kj/mutex.h>

#include "h5cap/error.h"
#include "h5cap/node.h"

namespace h5cap::test {

struct FakeDataset {
  DataType type;
  Shape shape;
  Bytes elements;  // empty: zeros
  Bytes heap;
  Shape chunkShape;
  bool neverWritten = false;         // answered with a fill value
  bool attributesElsewhere = false;  // the description has none: they have to be asked for
};

// What is wrong with the replies.
enum class Fault {
  none,
  neverAnswers,
  hangsUpOnRead,
  countTooLarge,
  countTooSmall,
  bytesMissing,
  wrongFirst,
  wrongSelected,
  noProgress,
  placeOutsideHeap,
  hugeShape,
  oversizedMessage,
  lastPartsFirst,    // of an axis: a reply brings the end of what has not been sent
  noNext,            // though there is more
  partsTwice,        // of a reply that goes on: the element before, too
  partsOutside,      // behind the end
  unknownForm,
};

// What a hostile server does to its answers before it sends them; null: nothing.  Called on the server's thread.
struct Lies {
  std::function<void(rpc::NodeInfo::Builder)> node;  // of every description, also in snapshots
  std::function<void(rpc::FileInfo::Builder)> file;
  std::function<void(rpc::Snapshot::Builder)> snapshot;
  std::function<void(rpc::ReadReply::Builder)> reply;  // to a read of elements
  std::function<void(rpc::HyperslabSelection::Builder)> stored;  // what a reference selects
  // Pages of lists; the number counts them.
  std::function<void(std::uint64_t, rpc::Directory::ListResults::Builder)> entries;
  std::function<void(std::uint64_t, rpc::Group::ListResults::Builder)> links;
  std::function<void(std::uint64_t, rpc::Attributes::ListResults::Builder)> attributes;
};

// What the replies of a read say that it was made of, besides the file.
enum class FakeSources { none, some };

// What a read asked for.
struct SeenRead {
  std::uint64_t first = 0;
  std::uint64_t firstByte = 0;
  std::uint64_t replyBytes = 0;
  Version ifVersion;
  Bytes ifSources;
};

// An unsigned integer dataset whose element i is i (modulo its size), in C order.
FakeDataset counting(Shape shape, std::uint32_t bytesEach, Shape chunkShape = {});

class FakeServer {
 public:
  explicit FakeServer(std::map<std::string, FakeDataset> datasets);
  ~FakeServer();

  std::string url(const std::string& path = "") const;  // of the server, or of a file on it
  const std::string& socketPath() const { return socket_; }

  std::atomic<Fault> fault{Fault::none};
  std::atomic<std::uint64_t> maxReplyBytes{4 << 20};
  // Elements that are larger, with their heap, come in parts of so many bytes; zero: all of them come whole.
  std::atomic<std::uint64_t> partBytes{0};
  std::atomic<int> delayMs{0};  // of every read

  std::atomic<int> reads{0};          // asked for
  std::atomic<int> readsUnderWay{0};  // not answered and not cancelled
  std::atomic<int> mostReadsUnderWay{0};
  std::atomic<std::uint64_t> pointsAsked{0};     // coordinates in all calls
  std::atomic<std::uint64_t> maskBytesAsked{0};  // of masks, of axes or whole
  std::atomic<std::uint64_t> indicesAsked{0};    // in lists of axes
  std::atomic<int> opens{0};          // File.open
  std::atomic<int> fileOpens{0};      // Directory.openFile
  std::atomic<int> seals{0};
  std::atomic<int> restores{0};       // asked for, with any ticket
  std::atomic<int> connections{0};    // made so far
  std::atomic<bool> hangUp{false};    // drops every connection, and then is false again

  // Ends every connection, and is another run of the server from then on: tickets of the last one are not taken.
  void restart();
  Bytes ticket() const;                                      // of this run, for the file
  std::atomic<ErrorCode> refusal{ErrorCode::unknownTicket};  // the answer to other tickets
  std::atomic<int> hangUpsOnOpen{0};                         // so many calls of File.open end every connection

  // How it changes.  `showsVersion`: elements are bytes that say of which version they are, of file and sources.
  std::atomic<bool> showsVersion{false};
  std::atomic<int> changesAfter{0};         // so many reads of elements from now on, the file is the next version
  std::atomic<int> changesEvery{0};         // so many reads of elements
  std::atomic<std::uint64_t> rows{0};       // the first axis of all datasets has by now; zero: what `datasets` says
  std::atomic<FakeSources> sources{FakeSources::none};
  std::atomic<unsigned> sourceVersion{1};
  std::atomic<int> sourcesChangeAfter{0};   // as `changesAfter`
  kj::MutexGuarded<std::vector<SeenRead>> seen;
  std::atomic<bool> followsVersions{true};  // false: as a server that has no `ifVersion` for stored bytes

  kj::MutexGuarded<Lies> lies;
  std::atomic<std::uint64_t> pages{0};  // of lists that lies made

  // What the file is.
  std::atomic<unsigned> fileVersion{1};
  std::atomic<bool> isSwmr{false};
  std::atomic<bool> isLocked{false};  // openFile is denied
  std::atomic<ObjectId> firstId{2};   // of the datasets, in the order of their names

  const std::map<std::string, FakeDataset> datasets;

 private:
  void run();

  std::atomic<unsigned> runs_{1};
  std::string folder_;
  std::string socket_;
  std::atomic<bool> isListening_{false};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace h5cap::test
