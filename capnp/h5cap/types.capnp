@0xee96f494702593aa;
# Values of the h5cap protocol: what travels inside calls, and nothing that can be called.
#
# Vocabulary.  A *node* is a group, a dataset or a named datatype of one HDF5 file.  A *link* is a name in a group.  A
# *selection* says which elements of a dataset; a *region* is a selection resolved against one shape.  *Packed elements*
# are the elements of a region in C order (last axis fastest), each exactly `DataType.size` bytes, in the byte order
# that the file stores, with no padding between elements.
#
# Variable-length data.  The place of a variable-length element (a string or a sequence) in packed elements is 16 bytes:
# two little-endian UInt64, `offset` and `count`.  The data itself stands in the *heap* that accompanies the elements:
# `count` base elements from byte `offset` on (for strings: `count` bytes, no terminator).  Base elements are packed
# elements again, so sequences nest.  Offsets are relative to the heap of the same message.  Places may share what they
# lead to; sequences that nest and overlap others in parts may be refused.
#
# Versions.  Numbers are only ever added; a retired member keeps its number and says why.  Whoever meets an enumerant or
# union member it does not know answers, or raises, `unimplemented`.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("h5cap::rpc");

const protocolVersion :UInt32 = 1;

const maxRank :UInt32 = 32;
# HDF5's own limit on the number of axes.

const maxReplyBytes :UInt64 = 4194304;
# No reply to a read carries more element bytes than this, whatever the reader asked for (a single element excepted, up
# to `maxElementBytes`, for readers that take none in parts).

const defaultReplyBytes :UInt64 = 1048576;
# What a read carries when the reader names no limit.  Measured: 0.5 to 1 MiB fills a link, 64 KiB halves throughput.

const maxElementBytes :UInt64 = 33554432;
# The largest single element, with its heap, that is sent whole: 32 MiB.  A larger one comes in parts, and is `tooLarge`
# for readers that do not take them.

const maxMessageWords :UInt64 = 8388608;
# The largest message either side accepts from the other: 64 MiB.  A larger one ends the connection.

const maxCallBytes :UInt64 = 8388608;
# The largest message a server accepts from a client: 8 MiB.

enum ErrorCode @0xee81598480d6fdb0 {
  # What went wrong, by what the caller can do about it.  Cap'n Proto 0.9 carries only text, so an exception's text
  # begins with the enumerant's name in brackets: "[notFound] /entry/dta: no such object".

  failed @0;             # anything without a better name; a bug report is welcome
  notFound @1;           # no such file, object, attribute or link target
  denied @2;             # not allowed; the same whether or not the thing exists
  badSelection @3;       # outside the shape, too many axes, a step of zero
  badType @4;            # the operation does not apply to this kind of object or datatype
  busy @5;               # over a budget; retry later
  deadline @6;           # the caller's or the server's time limit passed
  tooLarge @7;           # can never fit; ask for less
  fileProblem @8;        # not HDF5, truncated, corrupt, or the disk failed
  missingFilter @9;      # the server has no decoder for a filter; names it and its id
  missingSource @10;     # a source of a virtual dataset is absent, and the caller wanted to know
  changed @11;           # the file changed while it was read, or since the version the caller named
  disconnected @12;      # the peer is gone; reads may be retried
  unimplemented @13;     # not served by this peer (yet)
  unknownTicket @14;     # a ticket that this run of the server did not make: open by path
}

enum Access @0xae4becdeb9ce6707 {
  # Rights over an object.  Each includes the ones before it.

  none @0;
  list @1;               # names, shapes and attributes
  read @2;               # elements
  write @3;              # edits; reserved
  administer @4;         # grants; reserved
}

# ----------------------------------------------------------------------------------------------------------- datatypes

enum ByteOrder @0xffa08c813deb1a4c {
  little @0;
  big @1;
}

enum CharacterSet @0xf5cd755cc71e7c6b {
  ascii @0;
  utf8 @1;
}

enum StringPadding @0xc3acf5dac86daa06 {
  # HDF5's H5T_str_t: how a fixed-length string ends.

  nullTerminated @0;
  nullPadded @1;
  spacePadded @2;
}

struct DataType @0xca1c8bd32bd807ef {
  # The type of one element, as HDF5 classifies it.

  size @0 :UInt32;
  # Bytes of one packed element: HDF5's own size, except that every variable-length member counts 16.

  union {
    unsupported @1 :Text;      # a class that this server does not serve: its HDF5 name
    integer :group { signed @2 :Bool; order @3 :ByteOrder; precision @4 :UInt16; bitOffset @5 :UInt16; }
    float :group {
      order @6 :ByteOrder;
      precision @7 :UInt16; bitOffset @8 :UInt16;
      exponentPosition @9 :UInt16; exponentSize @10 :UInt16; mantissaPosition @11 :UInt16; mantissaSize @12 :UInt16;
      exponentBias @13 :UInt64; signPosition @14 :UInt16;
      storesLeadingBit @33 :Bool;   # the mantissa's leading one is among its bits, as in x87's, and not implied
    }
    fixedString :group { padding @15 :StringPadding; characterSet @16 :CharacterSet; }
    variableString :group { padding @17 :StringPadding; variableCharacterSet @18 :CharacterSet; }
    enumeration :group { base @19 :DataType; members @20 :List(EnumMember); }
    # h5py's bool is the enumeration {FALSE: 0, TRUE: 1} over an 8-bit integer; it is not a class of its own.
    compound @21 :List(Field);
    array :group { element @22 :DataType; dimensions @23 :List(UInt32); }
    sequence @24 :DataType;    # variable-length of the base type
    opaque @25 :Text;          # its tag
    bitfield :group { bitfieldOrder @26 :ByteOrder; bitfieldPrecision @27 :UInt16; }
    objectReference @28 :Void; # packed as an opaque token of `size` bytes
    regionReference @29 :Void; # packed as an opaque token of `size` bytes
    complex @30 :DataType;     # HDF5 2.0's native complex: two of the base float, the real part first
    time @31 :Void;            # H5T_TIME; listed, never read
    anyReference @34 :Void;
    # H5T_STD_REF (HDF5 1.12): each element says what it refers to.  Packed as the place of a token in the heap, of
    # `count` bytes; none for a null reference.  A token begins with one byte of kind (1 an object, 2 a region of a
    # dataset, 3 an attribute), three zeros, and an attribute's name behind its size (a little-endian UInt32); the rest
    # is for the file that it is from.
  }

  namedTypeId @32 :UInt64;
  # Object id of the committed datatype that this type shares, or zero.

  struct Field @0x88e5e7cb802f3112 {
    name @0 :Text;
    offset @1 :UInt32;   # bytes from the start of the *packed* compound
    type @2 :DataType;
  }

  struct EnumMember @0xc9f2f68cc601c281 {
    name @0 :Text;
    value @1 :Data;      # one packed element of the base type
  }
}

struct Dataspace @0xcf0fbf34cae6d34b {
  # Shape of a dataset or attribute.  A scalar is `simple` with no dimensions.

  union {
    null @0 :Void;                   # H5S_NULL: a type but no elements
    simple @1 :List(UInt64);
    unknown @2 :Text;
    # An unlimited virtual dataset whose sources were not consulted: why; `describe` asks them.
  }
  maxDimensions @3 :List(UInt64);    # empty when equal to the dimensions; `unlimited` in an axis that grows
  stored @4 :List(UInt64);           # of an unknown one: the extent when the file was last written
  const unlimited :UInt64 = 0xffffffffffffffff;
}

# ----------------------------------------------------------------------------------------------------------- selections

struct Selection @0xd8ea743e44405d09 {
  # Which elements, orthogonally: the cartesian product of the axes.  Axes that are not mentioned are taken whole.
  # Counts from the end and open ends are resolved by the server against the shape of the version that it reads.

  axes @0 :List(Axis);

  struct Axis @0xf5b7e790ce56068c {
    union {
      all @0 :Void;
      index @1 :Int64;               # one index, dropped from the result's shape; negative counts from the end
      range :group {                 # as Python's slice with a positive step: bounds are clipped
        start @2 :Int64 = 0;
        stop @3 :Int64 = 0x7fffffffffffffff;
        step @4 :UInt64 = 1;
      }
      indices @5 :List(Int64);       # any order, kept in the result's shape
      mask @6 :Data;
      # One bit an index along the whole axis, least significant first: as the list of set ones.
    }
  }

  points @1 :List(UInt64);
  # Coordinates of single elements, rank after rank, in any order, instead of `axes`.  The result has one axis.

  mask @2 :Data;
  # One bit for each element of what `axes` mean, in C order, least significant first: only these elements.  The result
  # has one axis.  A mask over a whole dataset may be cut into boxes, each with its own bits.
}

# ---------------------------------------------------------------------------------------------------- nodes and links

enum NodeKind @0xb97bbae73a33e18a {
  unknown @0;
  group @1;
  dataset @2;
  namedType @3;
}

struct Link @0xb81b68dd9c5e2e96 {
  # One name in a group.

  name @0 :Text;
  characterSet @1 :CharacterSet;
  union {
    hard @2 :UInt64;                 # object id
    soft @3 :Text;                   # a path in the same file
    external :group { file @4 :Text; path @5 :Text; }
    userDefined @6 :UInt8;           # the link class, which is listed but cannot be followed
  }
  creationOrder @7 :Int64 = -1;
  kind @8 :NodeKind;                 # of a hard link's target, where known without opening it
}

struct Filter @0xfba9fdebf80ee659 {
  # One stage of a dataset's filter pipeline, in the order in which it is applied when writing.

  id @0 :UInt32;                     # HDF5's registered filter number
  flags @1 :UInt32;
  name @2 :Text;
  parameters @3 :List(UInt32);       # cd_values
}

enum Layout @0xd71ed03aa4d585e8 {
  unknown @0;
  compact @1;
  contiguous @2;
  chunked @3;
  virtual @4;
  external @5;                       # contiguous in external raw files
}

enum FillTime @0x9f3ae8d0c51b7246 {
  # When HDF5 writes the fill value, and so what elements read as that were never written.

  ifSet @0;                          # with the fill value, when the writer set one: reads as the fill value
  allocation @1;                     # whenever storage is allocated: reads as the fill value
  never @2;                          # reads as zeros whatever the fill value is, except in a virtual dataset
}

struct DatasetInfo @0xb746fac1f23d59c1 {
  type @0 :DataType;
  space @1 :Dataspace;
  layout @2 :Layout;
  chunkShape @3 :List(UInt64);       # empty unless chunked
  filters @4 :List(Filter);
  fillValue @5 :Data;                # one packed element; empty means zeros
  fillDefined @6 :Bool;              # whether a fill value was set by the writer
  storageBytes @7 :UInt64;           # allocated in this file
  fillHeap @8 :Data;                 # for variable-length fill values
  virtualSources @9 :List(VirtualSource);
  externalFiles @10 :List(ExternalFile);
  fillTime @11 :FillTime;
  fillUndefined @12 :Bool;           # the writer said that there is no fill value; elements never written read as zeros
}

struct VirtualSource @0x9764187d7889081c {
  # One mapping of a virtual dataset, as the file states it.

  file @0 :Text;                     # "." is the file itself
  dataset @1 :Text;
  virtual @2 :HyperslabSelection;    # where in the virtual dataset
  source @3 :HyperslabSelection;     # which elements of the source, paired in C order
  isPattern @4 :Bool;                # `file` or `dataset` is a printf-style pattern with a block number
}

struct HyperslabSelection @0xd2d7cad9048a4ce3 {
  # A stored selection over one whole extent.

  union {
    all @0 :Void;
    regular @1 :List(Dimension);     # one entry an axis
    boxes @2 :List(UInt64);          # irregular: start and (inclusive) end corners of disjoint boxes, rank by rank
    none @3 :Void;
    points @5 :List(UInt64);
    # Single elements in the order of the selection, rank after rank; in references only.
  }
  extent @4 :List(UInt64);           # of the space that the selection was made on, where known

  struct Dimension @0xa52512152517cc7a {
    start @0 :UInt64;
    stride @1 :UInt64;
    count @2 :UInt64;                # `Dataspace.unlimited` grows with the source
    block @3 :UInt64;                # likewise
  }
}

struct ExternalFile @0xed0dda8ecd14e797 {
  name @0 :Text;
  offset @1 :UInt64;
  size @2 :UInt64;
}

struct Attribute @0xd6dcd800c0eecc31 {
  name @0 :Text;
  type @1 :DataType;
  space @2 :Dataspace;
  characterSet @3 :CharacterSet;     # of the name
  creationOrder @4 :Int64 = -1;
  union {
    value :group { elements @5 :Data; heap @6 :Data; }   # packed elements in C order
    omitted @7 :UInt64;              # too large for this listing: its size; use `Attributes.read`
    unreadable @8 :Error;
  }
}

struct DataPart @0xd1c8a9b7e3f54622 {
  # Some consecutive bytes of a value that is larger than a reply.

  first @0 :UInt64;                  # how many bytes of it come before
  bytes @1 :Data;                    # at least one
  total @2 :UInt64;                  # how many it has; the same in all parts of one version
}

struct Error @0xee1b341dde2f9620 {
  code @0 :ErrorCode;
  message @1 :Text;
}

struct NodeInfo @0xed0263a7ac862502 {
  # What is known about an object without asking again.

  id @0 :UInt64;
  # Names the object within one version of its file.  Opaque.

  kind @1 :NodeKind;
  dataset @2 :DatasetInfo;           # set for datasets
  type @3 :DataType;                 # set for named types
  linkCount @4 :UInt64;              # of a group: how many links it has
  links @5 :List(Link);              # of a group, in name order, when `linksComplete`
  linksComplete @6 :Bool;
  attributes @7 :List(Attribute);    # when `attributesComplete`
  attributesComplete @8 :Bool;
  tracksOrder @9 :Bool;              # links carry a creation order
  problem @10 :Error;                # set when the object is there but cannot be described
  attributesTrackOrder @11 :Bool;
  referenceCount @12 :UInt32;        # hard links to the object
}

struct Snapshot @0xf4724856676816f5 {
  # A bounded part of a file's tree, breadth first from the root; browsing within it costs no round trip.

  nodes @0 :List(NodeInfo);          # the first is the root; links refer to the others by id
  truncated @1 :Bool;                # an id that is linked but not listed has to be asked for
}

struct FileInfo @0x8fda7400f4fa908b {
  path @0 :Text;                     # below the directory that it was opened from
  size @1 :UInt64;
  version @2 :Data;                  # opaque; equal bytes mean equal content, once it has settled
  userBlockSize @3 :UInt64;
  libraryVersion @4 :Text;           # the server's libhdf5
  isSwmr @5 :Bool;                   # being written by a single writer with multiple readers
  rootId @6 :UInt64;
  stability @7 :VersionStability;
}

enum VersionStability @0xd9a2b5d1c6f3e847 {
  # Whether what is read of a version may be kept.

  unsettled @0;
  # The file may be changing without its version showing it: somebody has it open for writing, or it changed so recently
  # that the file system's clock has not moved on.  What is read is for whoever reads it; a later read of the same
  # version may find something else.  What older servers say.

  settled @1;
  # Any later read of the same version finds the same.
}

struct DirectoryEntry @0xd21b6e10c56891ba {
  name @0 :Text;
  isDirectory @1 :Bool;
  size @2 :UInt64;
  modifiedNs @3 :Int64;              # nanoseconds since 1970
}
