// The only translation between values and the structs of capnp/h5cap/types.capnp.
//
// Reading checks what it reads (depth of nested types, sizes, ranks) and throws FileError (fileProblem): the other side
// of a connection, or a planner, may be hostile.
#pragma once

#include <h5cap/objects.capnp.h>
#include <h5cap/planner.capnp.h>
#include <h5cap/types.capnp.h>

#include <string_view>

#include "core/storage.h"
#include "h5cap/node.h"
#include "h5cap/selection.h"

namespace h5cap::wire {

DataType read(rpc::DataType::Reader);
void write(const DataType&, rpc::DataType::Builder);

Dataspace read(rpc::Dataspace::Reader);
void write(const Dataspace&, rpc::Dataspace::Builder);

Selection read(rpc::Selection::Reader);
void write(const Selection&, rpc::Selection::Builder);  // expands no ellipsis: throws BadSelection when there is one
Selection expandEllipsis(const Selection&, std::size_t rank);

Region readRegion(capnp::List<rpc::RegionAxis>::Reader);
void writeRegion(const Region&, capnp::List<rpc::RegionAxis>::Builder);

// Whether a group can have a link of this name: of those that cannot, none is read, and no path leads through one.
bool isLinkName(std::string_view name);

Link read(rpc::Link::Reader);
void write(const Link&, rpc::Link::Builder);

Filter read(rpc::Filter::Reader);
void write(const Filter&, rpc::Filter::Builder);

Hyperslab read(rpc::HyperslabSelection::Reader);
void write(const Hyperslab&, rpc::HyperslabSelection::Builder);

VirtualSource read(rpc::VirtualSource::Reader);
void write(const VirtualSource&, rpc::VirtualSource::Builder);

DatasetInfo read(rpc::DatasetInfo::Reader);
void write(const DatasetInfo&, rpc::DatasetInfo::Builder);

Attribute read(rpc::Attribute::Reader);
void write(const Attribute&, rpc::Attribute::Builder);

NodeInfo read(rpc::NodeInfo::Reader);
void write(const NodeInfo&, rpc::NodeInfo::Builder);

VersionStability readStability(rpc::VersionStability);
rpc::VersionStability asStability(VersionStability);

FileInfo read(rpc::FileInfo::Reader);
void write(const FileInfo&, rpc::FileInfo::Builder);

DirectoryEntry read(rpc::DirectoryEntry::Reader);
void write(const DirectoryEntry&, rpc::DirectoryEntry::Builder);

Storage read(rpc::Storage::Reader);
void write(const Storage&, rpc::Storage::Builder);

ChunkExtent read(rpc::ChunkExtent::Reader);
void write(const ChunkExtent&, rpc::ChunkExtent::Builder);

ErrorText read(rpc::Error::Reader);
void write(const ErrorText&, rpc::Error::Builder);

Shape readShape(capnp::List<std::uint64_t>::Reader);
Bytes readBytes(capnp::Data::Reader);
kj::ArrayPtr<const kj::byte> asData(const Bytes&);

// Exceptions across Cap'n Proto: an exception with "[code] message" as its text, and back.
kj::Exception toKj(ErrorCode code, const std::string& message);
kj::Exception toKj(const std::exception& error);  // an h5cap::Error keeps its code
[[noreturn]] void rethrow(const kj::Exception& exception);  // as the h5cap::Error class; DISCONNECTED → Disconnected, …

}  // namespace h5cap::wire
