// Reads a region tile by tile, with a window of calls under way.  On the loop's thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include <kj/async.h>

#include "client/src/open/node-state.h"
#include "client/src/reading/element-assembly.h"
#include "client/src/reading/one-version.h"
#include "client/src/reading/reply.h"
#include "client/src/reading/tile-source.h"
#include "core/tiling.h"

namespace h5cap::detail {

// Whether tiles are asked for before it is known of which version they have to be.
enum class Pace { atOnce, afterTheFirst };

// What to read, and how.
struct ReadPlan {
  std::shared_ptr<RemoteNode> node;
  DataType type;
  Shape chunkShape;
  Region region;                    // of single elements: as many positions along one axis
  std::optional<Resolved> elements;  // when they are single ones
  std::vector<std::string> fields;   // of a compound, `type` being what they make; empty: all
  bool raiseMissingSources = false;
  std::uint64_t tileBytes = 0;
  std::uint64_t windowBytes = 0;
  std::uint64_t firstTile = 0;  // those before it have been read
  std::optional<ElementAssembly> begun;  // the first element, of which some has been read
  Pace pace = Pace::atOnce;
  std::shared_ptr<OneVersion> version;  // of the whole read; on the loop's thread only
};

using ReadAnswer = capnp::RemotePromise<rpc::ReadReply>;

// What a call asks for besides the selection.
struct ReadTerms {
  std::uint64_t first = 0;  // element to begin with
  std::uint64_t firstByte = 0;  // and byte of that, with its heap behind it
  std::uint64_t replyBytes = 0;
  bool raiseMissingSources = false;
  std::vector<std::string> fields;
  Version knownVersion;     // the elements are here as they are in this version: the answer may be `unchanged`
  ReadVersion ifVersion;    // no other will do; empty: any
  std::uint32_t deadlineMs = 0;  // nobody waits any longer; zero: as the server thinks fit
};

// Sends one read of the elements of `selection`.
ReadAnswer sendRead(RemoteNode& node, const Selection& selection, const ReadTerms& terms);

class TileReader final : private kj::TaskSet::ErrorHandler {
 public:
  class Receiver {
   public:
    virtual ~Receiver() = default;
    // The version in which the receiver has the elements of this tile from an earlier read (empty: in none).  Then the
    // tile comes either as `unchanged`, once, or as pieces with the version that they are of.  Asked when the tile is
    // sent for, and not for single elements.
    virtual Version knownVersion(const Tile&) { return {}; }
    // The elements are those of the version that `knownVersion` told; no pieces come.
    virtual void unchanged(std::uint64_t, const Tile&) {}
    // A part of tile number `index`.  Parts and tiles come as they arrive, none twice.
    virtual void piece(std::uint64_t index, const Tile& tile, const Reply& reply) = 0;
    // Something of an element of tile number `index` that is not a piece yet.
    virtual void partArrived(std::uint64_t) {}
    // All of it is there.  Returns whether its room in the window is free again (or `release` will be called).
    virtual bool tileDone(std::uint64_t index, const Tile& tile) = 0;
    // All tiles have been there, and are of one version.
    virtual void noMoreTiles(std::uint64_t count) = 0;
  };

  // Reads the parts `boxes` (positions in the region) one after the other; single elements, all of them.
  TileReader(ReadPlan plan, std::vector<std::vector<Positions>> boxes, Receiver& receiver);

  // Starts; resolves when everything has been received.  FileError (changed) when it is not of one version, also when
  // the dataset has become smaller than the region; `ReadPlan::version` tells whether to begin again may help.
  kj::Promise<void> run();

  // A tile that the receiver held on to has been consumed.
  void release(std::uint64_t bytes);

  // What a tile counts in the window.
  std::uint64_t windowShare(const Tile& tile) const;

 private:
  struct Asked;

  void pump();
  bool mayAsk() const;
  kj::Promise<void> ask(std::shared_ptr<Asked> asked);
  kj::Promise<void> receive(std::shared_ptr<Asked> asked, const ReadVersion& ifVersion, rpc::ReadReply::Reader reply);
  kj::Promise<void> receivePart(std::shared_ptr<Asked> asked, Reply reply);
  void passTurn();
  void tileIsDone(const Asked& asked);
  void finishIfDone();
  kj::Promise<void> checkSources();
  void taskFailed(kj::Exception&& problem) override;

  ReadPlan plan_;
  Receiver& receiver_;
  bool exhausted_ = false;
  bool isFinishing_ = false;
  std::unique_ptr<TileSource> tiles_;
  std::uint64_t held_ = 0;      // bytes of the window in use
  std::uint64_t underWay_ = 0;  // tiles
  std::uint64_t nextIndex_ = 0;
  // Elements with a heap are put together one at a time: others would take memory beside the result.
  std::shared_ptr<Asked> assembling_;
  std::deque<std::shared_ptr<Asked>> waiting_;
  kj::Own<kj::PromiseFulfiller<void>> done_;
  kj::TaskSet tasks_;
};

}  // namespace h5cap::detail
