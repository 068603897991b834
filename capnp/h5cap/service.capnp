@0xe2819c7e77e82d44;
# How a conversation with an h5cap server starts: the bootstrap capability is a `Service`.
#
#     service.login(credential).session.root().openFile(path).file.open(path).read(selection)
#
# is one pipelined flight.  `hello` is optional: it tells a client what it is talking to, and works before login.
#
# A relay, a federation of servers, or a share that is limited to one path, is just another `Directory`.
#
# What objects.capnp says of rights, lifetime and counting holds here too.
#
# Policy.  Interfaces are only added to.  A method that a server does not have yet answers `unimplemented`.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("h5cap::rpc");

using Types = import "types.capnp";
using Objects = import "objects.capnp";

interface Service @0xb6d58c2217f40bf2 {
  # Held by whoever has reached the server, and lives as long as the connection.  It gives nothing away without a
  # credential or a ticket.

  hello @0 (client :Text, protocol :UInt32) -> (server :ServerInfo);
  # Names and versions; no rights are needed.

  login @1 (credential :Credential) -> (session :Session);
  # denied when the credential is refused.

  restore @2 (ticket :Data) -> (object :Objects.Node, info :Types.NodeInfo, file :Types.FileInfo);
  # The object that a ticket from `Node.seal` names, checked to be the same one: `changed` otherwise.  unknownTicket: a
  # ticket of another run of the server.  denied: one that was not made as it is, that has ended, or that was another
  # user's.
}

struct Credential @0xe4e6a6e34d2dafaf {
  union {
    ambient @0 :Void;                # what the transport proves: Unix peer, ssh account, TLS certificate
    token @1 :Text;                  # reserved
  }
  traceId @2 :Data;
}

struct ServerInfo @0xc930c9378e95c5ce {
  software @0 :Text;                 # "h5capd 0.1.0"
  protocol @1 :UInt32;
  libraryVersion @2 :Text;           # of libhdf5 in its planners
}

interface Session @0x8572f073df24de6f {
  # One login.  Held by whoever has logged in, on that connection.  Dropping it, and everything obtained through it,
  # ends it.

  root @0 () -> (directory :Directory);

  ping @1 (payload :Data) -> (payload :Data);
  # Echoes up to 4 KiB.

  identity @2 () -> (user :Text, method :Text);
  # Who the server thinks this is, and how it knows: "alice", "unix".
}

interface Directory @0xa8b4ddfb1c685e4e {
  # A folder, by its path: it means whatever has that name when it is asked, and nothing is promised over two replies.
  # Held by whoever may list it; whether they may open what is below is asked for each by itself.  Paths are at most
  # 4096 bytes; empty components and dots count for nothing.

  list @0 (path :Text, cursor :Data, limit :UInt32 = 1000) -> (entries :List(Types.DirectoryEntry), next :Data);
  # A page of the entries below `path`, in name order; the empty path is this directory.  An empty `next` ends the
  # listing.

  open @1 (path :Text) -> (directory :Directory);
  # A directory below this one, and nothing above it.

  openFile @2 (path :Text, options :OpenOptions)
      -> (file :Objects.File, info :Types.FileInfo, snapshot :Types.Snapshot);
  # An HDF5 file below this directory, with the rights that `access` asks for: to `list` for names, shapes and
  # attributes; to `read` for elements too.  notFound, denied (also for `none`), fileProblem (not HDF5, truncated, a
  # directory).
}

struct OpenOptions @0xbe8ce39c6fdd9d43 {
  snapshotBytes @0 :UInt32;          # at most this much of the tree comes with the reply; zero: none
  access @1 :Types.Access = read;
  traceId @2 :Data;
  knownVersion @3 :Data;             # the caller has the snapshot of this version: none is sent if it is current
  ifVersion @4 :Data;
  # `changed` unless the file still is this version, or the same file with a SWMR writer.
}
