@0xb183ef7b4d34d4fe;
# The objects of h5cap: capabilities over files, groups, datasets, named datatypes and attributes.
#
# Holding a reference is the permission; dropping it is the close.  A reference belongs to one connection; `seal` turns
# it into a ticket that `Service.restore` accepts on another one.
#
# Rights.  A reference to something in a file carries rights, `Types.Access`: those that the file was opened with, and
# what is reached through it has no more.  A method needs the right to `list`, unless it says that it needs that to
# `read`.  A right may end or be taken back: calls through the reference, also those that run, then raise `denied`.
#
# Lifetime.  An object lives while a reference to it is held, and whatever is reached through it lives by itself: a file
# may be dropped while its datasets are kept.  References cost the server memory that is counted for whoever holds them;
# beyond their share, calls that would give out another one raise `busy`.  Calls are counted for the connection that
# makes them.
#
# Versions.  A file changes under its readers.  One reply is of one version, which it names where it says so.  Two
# replies may be of two, unless the caller holds them together with `ifVersion` (and, where elements come from other
# files as well, with `ifSources`): then each is of the version that was named, or `changed`.  A reader that is told
# `changed` begins again.  A reference is a path in a file: it means in each version whatever is there, and `notFound`
# when nothing is.
#
# Ordering.  Calls on one connection are delivered in order but answered in any order: reads run side by side.
#
# Pipelining.  Every method that returns a capability may be called through before it has answered, so
# `openFile → open(path) → read` costs one round trip.  `open` returns a plain `Node`; a caller that expects a dataset
# casts it, and calls on an object of another kind raise `badType`.
#
# Disconnect.  All references are lost.  Reads change nothing and may be repeated.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("h5cap::rpc");

using Types = import "types.capnp";

interface Node @0x9c9369e0414b0a43 {
  # An object at a path in one file.  Held by whoever may list it.  Two replies are each of the version that was
  # current, so a `describe` may differ from the one before, in shape, in kind or in being `notFound`; ids hold within
  # one version.

  describe @0 () -> (info :Types.NodeInfo, version :Data);
  # What the object is, from the version of the file that is current.  Links and attributes are included when they are
  # few.

  attributes @1 () -> (attributes :Attributes);

  seal @2 (options :SealOptions) -> (ticket :Data);
  # A ticket for this very object, with no more rights than this reference has: what `access` asks beyond them is not
  # given.  It holds until its lifetime or the server that made it ends, for the same user.

  struct SealOptions @0xb3ef101affce6981 {
    lifetimeSeconds @0 :UInt32;      # zero leaves it to the server
    access @1 :Types.Access;         # narrower than now; `none` keeps it
  }
}

interface Group @0xd64cbdb526f9a6c2 extends(Node) {
  # Held by whoever may list it.  A listing in several pages may be of several versions: a page goes on after the last
  # name of the one before, so nothing is listed twice, and what is added or removed meanwhile may or may not be seen.

  list @0 (cursor :Data, limit :UInt32 = 1000) -> (links :List(Types.Link), next :Data, total :UInt64);
  # A page of the group's links in name order.  An empty `next` ends the listing.

  open @1 (path :Text) -> (node :Node, info :Types.NodeInfo, file :Types.FileInfo);
  # The object at `path`, relative to this group or, with a leading slash, to the root of the file.  Soft links are
  # followed here; external links through the export's rules, and then `file` tells where the object is.  An object in
  # another file has the rights of this reference, or fewer, where its own file allows less.  notFound, denied,
  # fileProblem.

  link @2 (path :Text) -> (link :Types.Link);
  # The link itself, not followed.
}

interface File @0xc11f463492914baa extends(Group) {
  # A whole file, and its root group.  Held by whoever may list it all; who is given a part of a file holds a Group or a
  # Dataset and never this.  It is the file that was opened, whatever has its name now: one that is renamed over stays
  # what it was for who has it open, and one that is written in place is followed from version to version.

  dereference @0 (token :Data)
      -> (node :Node, info :Types.NodeInfo, region :Types.Selection, path :Text, stored :Types.HyperslabSelection);
  # The object that a reference element names, at one of its paths (empty: none leads there), and for a region reference
  # what it selects: `stored` as the file states it, `region` to read with.  Tokens are the packed elements of reference
  # types and mean something only to the file they were read from.  notFound: a null reference, or one to nothing.

  stat @1 () -> (info :Types.FileInfo);
  # The version that is current: asks the file system.

  enum PathNow @0xb7c1d4a2e95f3086 {
    unknown @0;
    thisFile @1;
    anotherFile @2;                  # it was replaced; the reference is to what was opened
    nothing @3;                      # it was removed or renamed
  }

  readBytes @2 (offset :UInt64, count :UInt32, ifVersion :Data) -> (bytes :Data, version :Data);
  # Raw bytes of the file, for holders of the right to read all of it: up to `maxReplyBytes`, or what the server is set
  # to, and fewer at the end of the file, which an answer without bytes tells.  `ifVersion` as in `ReadOptions`.
  # changed, denied.

  pathNow @4 () -> (now :PathNow);
  # Whether the path that the file was opened by still leads to it.  denied.

  edit @3 (changes :List(Edit), options :EditOptions) -> (version :Data);
  # Reserved: small changes as one transaction.  unimplemented.

  struct Edit @0xee49376c8e206141 {
    path @0 :Text;
    # Members come with editing.
  }

  struct EditOptions @0xd6ffe2d585d9abc8 {
    ifVersion @0 :Data;              # refuse with `changed` unless the file still is this version
    opId @1 :Data;                   # 16 random bytes; the same edit sent twice is done once
  }
}

interface Dataset @0xe60c6eb2f4796e81 extends(Node) {
  # Held by whoever may list it; `read` needs the right to read.
  #
  # The replies of one selection that is cut belong together when each after the first asks with `ifVersion` and
  # `ifSources` for what the first was made of: then the next is of that version, or `changed`, and the reader starts
  # over.  Questions that are sent side by side before anything was answered have to be compared by the reader.  Of a
  # file with a live SWMR writer all versions are taken for one: what was written stays as it was, so a reply may name
  # a later version than `ifVersion`, and whoever asked takes it.

  read @0 (selection :Types.Selection, options :ReadOptions) -> ReadReply;
  # The elements of `selection`, in C order, up to the reply limit, for holders of the right to read.  When `next` is
  # set there is more: call again with the same selection and that cursor.  badSelection, busy, deadline, tooLarge,
  # fileProblem, missingFilter, changed, denied.

  write @1 (selection :Types.Selection, elements :Data, heap :Data, options :File.EditOptions) -> (version :Data);
  # Reserved.  unimplemented.

  missingSources @2 () -> (names :List(Text));
  # Names of all sources of a virtual dataset that are absent: looks for every one.  The sources of virtual datasets
  # among them are not looked at.  Empty for any other dataset.  denied, fileProblem.
}

interface NamedType @0xf156efcec63051b4 extends(Node) {
  # A committed datatype.  Held by whoever may list it; each reply is of the version that is current.

  type @0 () -> (type :Types.DataType);
}

interface Attributes @0xb31324ebbd0941e5 {
  # The attributes of one node, which it lives without.  Held by whoever may list the node: attributes are read with the
  # right to list.  Pages and values are each of the version that is current, as a Group's pages are.

  list @0 (cursor :Data, limit :UInt32 = 1000) -> (attributes :List(Types.Attribute), next :Data, total :UInt64);
  # A page, in name order; values that are large are `omitted`.  An empty `next` ends the listing.

  read @1 (name :Text) -> (attribute :Types.Attribute);
  # One attribute with its value, whole.  notFound, tooLarge: then `readPart` has it.

  write @2 (attribute :Types.Attribute, options :File.EditOptions) -> (version :Data);
  # Reserved.  unimplemented.

  readPart @3 (name :Text, firstByte :UInt64, replyBytes :UInt32, ifVersion :Data)
      -> (attribute :Types.Attribute, part :Types.DataPart, version :Data);
  # Up to `replyBytes` bytes of one attribute's value from `firstByte` on, at least one; the value is its packed
  # elements with their heap behind them.  `attribute` comes without the value (`omitted`).  `ifVersion` as in
  # `ReadOptions`: parts of one version are parts of one value.  Each part may cost the server reading all of the value.
  # notFound, badSelection for what lies beyond it, tooLarge when it does not fit into a planner's memory, changed.
}

struct ReadOptions @0x85aa553c6f19f8dd {
  replyBytes @0 :UInt64;             # element bytes wanted in one reply; zero: `defaultReplyBytes`
  cursor @1 :Cursor;                 # where to go on: `next` of a reply, or the first element that is wanted
  forms @2 :List(Form);              # accepted besides packed elements and fill, best first
  deadlineMs @3 :UInt32;             # give up after this long; zero leaves it to the server
  priority @4 :Int8;                 # lower goes later; reserved
  reduction @5 :Reduction;           # reserved
  missingSources @6 :MissingSources;
  ifVersion @7 :Data;                # `changed` unless the file still is this version
  traceId @8 :Data;
  fields @9 :List(Text);             # of a compound: only these, packed as a compound of these in this order
  knownVersion @10 :Data;
  # The caller has these elements in this version: answer `unchanged` if it is current.
  ifSources @11 :Data;
  # `ReadReply.sources` of an earlier reply of the same read: `changed` when it is another one by now.  A read of no
  # elements looks again at every source that was read before: so one asks, after the last reply, whether all of them
  # still are what they were.
}

enum MissingSources @0x8293729b477f5489 {
  # What an absent source of a virtual dataset means.

  fill @0;                           # its elements are the fill value, and the reply lists it
  raise @1;                          # missingSource
}

enum Form @0xc1cbba0336855d38 {
  packed @0;
  storedChunks @1;
  compressed @2;
  parts @3;                          # `part`: an element that is larger than a reply may be comes in several
}

struct Reduction @0x976b182e7554f716 {
  # Reserved: means, maxima and previews computed beside the file.
  kind @0 :UInt16;
}

struct Cursor @0xd0e0a5d3916ff068 {
  element @0 :UInt64;                # elements of the region, in C order, that came before
  byte @1 :UInt64;                   # and bytes of the element at that place, as `ReadReply.part` counts them
}

struct ReadReply @0x99d026db4aa31f45 {
  objectId @0 :UInt64;
  version @1 :Data;                  # of the file that was read
  shape @2 :List(UInt64);            # of the dataset, in that version
  selected @3 :List(UInt64);         # shape of the whole selection, without dropped axes
  first @4 :UInt64;                  # the first element of this reply, counted in C order over the whole selection
  count @5 :UInt64;                  # how many elements it carries: a contiguous run in C order
  next @6 :Cursor;                   # set when there is more

  union {
    packed @7 :Data;                 # count elements
    fill @8 :Data;                   # one element; all of them are this (never written)
    storedChunks @9 :List(StoredChunk);   # reserved
    compressed :group { codec @10 :UInt16; bytes @11 :Data; }   # packed elements, compressed; reserved
    unchanged @14 :Void;             # the file still is `ReadOptions.knownVersion`; no elements, no `next`
    part @18 :Types.DataPart;
    # Some bytes of the one element `first`; `count` is zero.  They are counted over the packed element with its heap
    # behind it, which places within are relative to.  Only for who accepts the form `parts`, or asks with a cursor
    # within an element.  A cursor beyond an element is badSelection.
  }
  heap @12 :Data;                    # for variable-length data

  missingSources @13 :List(Text);
  # Names of absent sources of a virtual dataset that this reply shows as fill.

  stability @15 :Types.VersionStability;
  # Whether the elements may be kept, by `version`: not where they come from other files as well, or beside a SWMR
  # writer.

  sources @16 :Data;
  # The version of what the elements were made of besides `version` (sources of a virtual dataset, external raw files),
  # for `ifSources` through the same capability.  Opaque: another value says that something that had been read by then
  # has become another one.  A source with a live SWMR writer stays the same while it grows.  Empty: of nothing else.

  typeDigest @17 :UInt64;
  # Tells the type of the elements, as they travel, from others: a dataset may have another one by now than when it was
  # described.  Zero: not said.  `core/type-digest.h` has the formula.
}

struct StoredChunk @0xb5b35b8c8e83fe34 {
  offset @0 :List(UInt64);           # coordinates of its first element
  filterMask @1 :UInt32;
  bytes @2 :Data;                    # as stored in the file
}
