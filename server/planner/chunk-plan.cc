#include "server/planner/chunk-plan.h"

#include <h5cap/planner.capnp.h>

#include "core/checked-size.h"
#include "server/planner/dataset-info.h"
#include "server/planner/vfd.h"

namespace h5cap::hdf5 {

namespace {

void checkBox(const Shape& shape, const Shape& chunkShape, const Shape& first, const Shape& count) {
  if (first.size() != shape.size() || count.size() != shape.size() || chunkShape.size() != shape.size()) {
    throw BadSelection("a box of chunks of another rank than the dataset's " + std::to_string(shape.size()));
  }
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (chunkShape[i] == 0) throw FileError("a chunk shape of zero");
    const std::uint64_t chunks = divideUp(shape[i], chunkShape[i]);
    if (!isWithin(first[i], count[i], chunks)) {
      throw BadSelection("chunks beyond the " + std::to_string(chunks) + " of axis " + std::to_string(i));
    }
  }
  std::uint64_t total = elementCount(count);
  if (total > rpc::MAX_PLAN_CHUNKS) {
    throw FileError(
        std::to_string(total) + " chunks asked for at once; the limit is " + std::to_string(rpc::MAX_PLAN_CHUNKS),
        ErrorCode::tooLarge);
  }
}

// A chunk that is missing and an index that is corrupt fail alike; only who complained first tells them apart.
bool saysMissing(const Hdf5Error& error) {
  return error.function == "H5D__chunk_direct_read" &&
         (error.reason.find("chunk address isn't defined") != std::string::npos ||
          error.reason.find("storage is not initialized") != std::string::npos);
}

ChunkExtent locate(hid_t dataset, const hsize_t* offset, Recording& recording) {
  ChunkExtent extent;
  std::byte unused{};  // nothing is read into it
  recording.clear();
  if (H5Dread_chunk(dataset, H5P_DEFAULT, offset, &extent.filterMask, &unused) < 0) {
    Hdf5Error error = innermostError();
    if (!saysMissing(error)) throw FileError("cannot read the chunk index: " + error.reason);
    return ChunkExtent{};
  }
  if (recording.count() != 1) {
    throw FileError("a chunk that takes " + std::to_string(recording.count()) + " reads");
  }
  extent.address = recording.last().address;
  extent.size = recording.last().size;
  return extent;
}

}  // namespace

std::vector<ChunkExtent> planChunks(const OpenFile& file, ObjectId id, const Shape& first, const Shape& count) {
  Handle dataset = file.dataset(id);
  Handle creation = own(H5Dget_create_plist(dataset.get()), "read the dataset's properties");
  if (layoutOf(creation.get()) != Layout::chunked) throw BadType("a dataset that is not chunked");
  Shape chunkShape = chunkShapeOf(creation.get());
  checkBox(spaceOf(dataset.get(), creation.get()).shape, chunkShape, first, count);

  std::size_t rank = first.size();
  std::vector<ChunkExtent> extents(elementCount(count));
  Recording recording;
  Shape at(rank, 0);
  hsize_t offset[H5S_MAX_RANK];
  for (ChunkExtent& extent : extents) {
    for (std::size_t i = 0; i < rank; ++i) offset[i] = (first[i] + at[i]) * chunkShape[i];
    extent = locate(dataset.get(), offset, recording);
    for (std::size_t i = rank; i-- > 0;) {
      if (++at[i] < count[i]) break;
      at[i] = 0;
    }
  }
  return extents;
}

}  // namespace h5cap::hdf5
