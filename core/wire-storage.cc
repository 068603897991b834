// Plans on the wire: between front and planner.
#include "core/checked-size.h"
#include "core/wire-checks.h"
#include "core/wire.h"

namespace h5cap::wire {

namespace {

struct StorageWriter {
  rpc::Storage::Builder to;

  void operator()(const Unallocated&) { to.setUnallocated(); }
  void operator()(const InlineBytes& storage) { to.setInline(asData(storage.bytes)); }
  void operator()(const ContiguousStorage& storage) {
    auto group = to.initContiguous();
    group.setAddress(storage.address);
    group.setSize(storage.size);
  }
  void operator()(const ChunkedStorage& storage) {
    auto chunked = to.initChunked();
    writeShape(storage.chunkShape, chunked.initChunkShape(listSize(storage.chunkShape.size())));
    auto filters = chunked.initFilters(listSize(storage.filters.size()));
    for (unsigned i = 0; i < filters.size(); ++i) write(storage.filters[i], filters[i]);
    chunked.setPartialChunksUnfiltered(storage.partialChunksUnfiltered);
  }
  void operator()(const VirtualStorage& storage) {
    auto sources = to.initVirtual(listSize(storage.sources.size()));
    for (unsigned i = 0; i < sources.size(); ++i) write(storage.sources[i], sources[i]);
  }
  void operator()(const ExternalStorage& storage) {
    auto files = to.initExternal(listSize(storage.files.size()));
    for (unsigned i = 0; i < files.size(); ++i) {
      files[i].setName(asText(storage.files[i].name));
      files[i].setOffset(storage.files[i].offset);
      files[i].setSize(storage.files[i].size);
    }
  }
  void operator()(const LibraryOnly& storage) { to.setLibraryOnly(asText(storage.why)); }
};

ChunkedStorage readChunked(rpc::ChunkedStorage::Reader reader) {
  ChunkedStorage storage;
  storage.chunkShape = readChunkShape(reader.getChunkShape());
  if (storage.chunkShape.empty()) invalid("chunks without a shape");
  storage.filters = readFilters(reader.getFilters());
  storage.partialChunksUnfiltered = reader.getPartialChunksUnfiltered();
  return storage;
}

}  // namespace

Storage read(rpc::Storage::Reader reader) {
  switch (reader.which()) {
    case rpc::Storage::UNALLOCATED:
      return Unallocated{};
    case rpc::Storage::INLINE:
      return InlineBytes{readBytes(reader.getInline())};
    case rpc::Storage::CONTIGUOUS: {
      ContiguousStorage storage{reader.getContiguous().getAddress(), reader.getContiguous().getSize()};
      if (!(CheckedSize(storage.address) + storage.size).fits()) invalid("an extent that reaches beyond 2^64");
      return storage;
    }
    case rpc::Storage::CHUNKED:
      return readChunked(reader.getChunked());
    case rpc::Storage::VIRTUAL:
      return VirtualStorage{readSources(reader.getVirtual())};
    case rpc::Storage::EXTERNAL:
      return ExternalStorage{readExternalFiles(reader.getExternal())};
    case rpc::Storage::LIBRARY_ONLY:
      return LibraryOnly{readText(reader.getLibraryOnly())};
  }
  throw Unimplemented("an unknown kind of storage");
}

void write(const Storage& storage, rpc::Storage::Builder builder) { std::visit(StorageWriter{builder}, storage); }

ChunkExtent read(rpc::ChunkExtent::Reader reader) {
  ChunkExtent extent{reader.getAddress(), reader.getSize(), reader.getFilterMask()};
  if (extent.address != ChunkExtent::neverWritten && !(CheckedSize(extent.address) + extent.size).fits()) {
    invalid("an extent that reaches beyond 2^64");
  }
  return extent;
}

void write(const ChunkExtent& extent, rpc::ChunkExtent::Builder builder) {
  builder.setAddress(extent.address);
  builder.setSize(extent.size);
  builder.setFilterMask(extent.filterMask);
}

}  // namespace h5cap::wire
