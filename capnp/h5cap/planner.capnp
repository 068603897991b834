@0x99a5db0bc0f9687e;
# Between the front (h5capd) and a planner (h5cap-planner): which questions libhdf5 answers.
#
# Not RPC.  The front writes one `Request` message and reads one `Reply` message, strictly in turn, over a socket pair
# that the planner inherited together with a read-only descriptor of one version of one file.  The planner opens nothing
# else.
#
# Trust.  A planner may have been taken over by the file it reads.  The front limits the size of a reply and the time it
# waits for one, checks every extent against the file, and believes nothing else about a reply than its form.
#
# Crashes.  A planner that dies takes with it the one request that it was working on.
#
# Versions.  Front and planner are installed together; nothing here is stable.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("h5cap::rpc");

using Types = import "types.capnp";

const maxPlannerReplyWords :UInt64 = 12582912;
# 96 MiB.

const maxPlanChunks :UInt32 = 16384;
# The most chunks that one `chunks` request answers.

struct PlannerRequest @0xd8adb6ff59b2a503 {
  union {
    open @0 :Void;
    # First request: opens the file.  Reply: `opened`.

    snapshot :group { maxBytes @1 :UInt32; maxMs @2 :UInt32; }
    # Reply: `snapshot`.

    resolve :group { base @3 :UInt64; path @4 :Text; followLast @5 :Follow; maxLinks @21 :UInt32 = 16; }
    # Walks `path` from the group `base` (or from the root, with a leading slash) component by component, through hard
    # and at most `maxLinks` soft links; an external one counts as well.  Reply: `resolved`, or the error `failed`.

    describe @6 :UInt64;
    # An object by id.  Reply: `node`, with attributes and links while they are small.

    links :group { group @7 :UInt64; cursor @8 :Data; limit @9 :UInt32; }
    # Reply: `links`.

    attributes :group { object @10 :UInt64; attributeCursor @11 :Data; attributeLimit @12 :UInt32; }
    # Reply: `attributes`.

    attribute :group { owner @13 :UInt64; name @14 :Text; }
    # Reply: `attribute`, whole.

    attributePart :group { partOwner @28 :UInt64; partName @29 :Text; part @30 :PartRange; }
    # Bytes of an attribute's packed elements with their heap behind them.  Reply: `attributePart`.

    storage @15 :UInt64;
    # Where a dataset's elements are.  Reply: `storage`.

    chunks :group { dataset @16 :UInt64; first @17 :List(UInt64); count @18 :List(UInt64); }
    # Extents of the chunks in a box of chunk coordinates (element coordinates divided by the chunk shape), in C order;
    # the box has at most `maxPlanChunks`.  Reply: `chunks`.

    elements :group { source @19 :UInt64; region @20 :List(RegionAxis); points @23 :List(UInt64); }
    # Elements by way of H5Dread, for what only the library can read (variable-length data, filters without a decoder in
    # the executor): of `region`, or of `points`, rank after rank, when there are any.  Reply: `elements`.

    elementPart :group {
      partSource @25 :UInt64; coordinates @26 :List(UInt64); range @27 :PartRange; fieldOffsets @31 :List(UInt32);
    }
    # Bytes of one element, packed, with its heap behind it, however large it is; with `fieldOffsets` of the compound of
    # the fields that begin there, in that order.  Reply: `part`.

    refresh @22 :Void;
    # Whether the file still is the one that was opened, with the SWMR writer that it had then.  If so, answers to later
    # questions show at least what the writer has flushed by now.  Reply: `refreshed`.

    dereference @24 :Data;
    # The object that one element of a reference type names.  Reply: `dereferenced`, or the error `notFound`.
  }
}

enum Follow @0x9e529843418832d5 {
  no @0;
  yes @1;
}

struct RegionAxis @0xec8cfef6e2f68ce4 {
  # A resolved axis: `count` indices from `start` every `step`, or a list.

  start @0 :UInt64;
  step @1 :UInt64;
  count @2 :UInt64;
  indices @3 :List(UInt64);          # instead, when not empty
}

struct PartRange @0xf0a6b1d2c9e84735 {
  first @0 :UInt64;
  most @1 :UInt32;
}

struct PlannerReply @0xca41cc040f4619ce {
  union {
    error @0 :Types.Error;
    opened @1 :Types.FileInfo;       # without path and version
    snapshot @2 :Types.Snapshot;
    resolved @3 :Resolution;
    node @4 :Types.NodeInfo;
    links :group { page @5 :List(Types.Link); next @6 :Data; total @7 :UInt64; }
    attributes :group { attributePage @8 :List(Types.Attribute); attributeNext @9 :Data; attributeTotal @10 :UInt64; }
    attribute @11 :Types.Attribute;
    storage @12 :Storage;
    chunks @13 :List(ChunkExtent);
    elements :group { packed @14 :Data; heap @15 :Data; }
    refreshed @16 :Bool;
    dereferenced :group { target @17 :Types.NodeInfo; path @18 :Text; stored @19 :Types.HyperslabSelection; }
    part @20 :Types.DataPart;
    attributePart :group { partOf @21 :Types.Attribute; value @22 :Types.DataPart; }
  }
}

struct Resolution @0xa9048c6041ff66e1 {
  union {
    node @0 :Types.NodeInfo;         # as in a snapshot: no virtual sources, no `storageBytes` of a chunked dataset
    link @1 :Types.Link;             # the last component, not followed
    external :group {
      # The walk met an external link; the rest of the path continues in that file.
      file @2 :Text;
      path @3 :Text;                 # the link's path in that file
      rest @4 :Text;                 # what remains to be walked from there, possibly empty
      linksLeft @6 :UInt32;          # of `maxLinks`
    }
    missing @5 :Text;                # the component that does not exist
  }
}

struct Storage @0xdb0da01cf764e284 {
  # How to get at a dataset's elements without libhdf5.

  union {
    unallocated @0 :Void;            # all fill
    inline @1 :Data;                 # compact
    contiguous :group { address @2 :UInt64; size @3 :UInt64; }   # absolute in the file, user block included
    chunked @4 :ChunkedStorage;
    virtual @5 :List(Types.VirtualSource);
    external @6 :List(Types.ExternalFile);
    libraryOnly @7 :Text;            # why
  }
}

struct ChunkedStorage @0xdbd05cf2659a17c9 {
  chunkShape @0 :List(UInt64);
  filters @1 :List(Types.Filter);
  partialChunksUnfiltered @2 :Bool;
  # H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS: chunks that reach over the edge are stored raw, although their mask is 0.
}

struct ChunkExtent @0xad1176b564b987c8 {
  address @0 :UInt64;                # absolute in the file; `Types.Dataspace.unlimited`: never written
  size @1 :UInt64;                   # bytes stored
  filterMask @2 :UInt32;             # bit i set: filter i was skipped
}
