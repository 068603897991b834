#include "server/planner/dataspace.h"

#include "server/planner/handle.h"

namespace h5cap::hdf5 {

namespace {

constexpr hssize_t MAX_BOXES = 65536;
constexpr hssize_t MAX_POINTS = 1 << 20;

std::uint64_t limitOrUnlimited(hsize_t value) { return value == H5S_UNLIMITED ? unlimited : value; }

Shape extentOf(hid_t space) {
  hsize_t dimensions[H5S_MAX_RANK];
  int rank = H5Sget_simple_extent_dims(space, dimensions, nullptr);
  return rank < 0 ? Shape() : Shape(dimensions, dimensions + rank);
}

void readRegular(hid_t space, std::size_t rank, Hyperslab& slab) {
  hsize_t start[H5S_MAX_RANK], stride[H5S_MAX_RANK], count[H5S_MAX_RANK], block[H5S_MAX_RANK];
  check(H5Sget_regular_hyperslab(space, start, stride, count, block), "read a stored selection");
  slab.kind = Hyperslab::Kind::regular;
  for (std::size_t i = 0; i < rank; ++i) {
    slab.dimensions.push_back({start[i], stride[i], limitOrUnlimited(count[i]), limitOrUnlimited(block[i])});
  }
}

void readBoxes(hid_t space, std::size_t rank, Hyperslab& slab) {
  hssize_t count = check(H5Sget_select_hyper_nblocks(space), "count the boxes of a stored selection");
  if (count > MAX_BOXES) {
    throw Unimplemented("a stored selection of " + std::to_string(count) + " boxes; the limit is " +
                        std::to_string(MAX_BOXES));
  }
  slab.kind = Hyperslab::Kind::boxes;
  std::vector<hsize_t> corners(count * rank * 2);
  check(H5Sget_select_hyper_blocklist(space, 0, count, corners.data()), "read the boxes of a stored selection");
  slab.boxes.assign(corners.begin(), corners.end());
}

void readPoints(hid_t space, Hyperslab& slab) {
  hssize_t count = check(H5Sget_select_elem_npoints(space), "count the points of a stored selection");
  if (count > MAX_POINTS) {
    throw Unimplemented("a stored selection of " + std::to_string(count) + " points; the limit is " +
                        std::to_string(MAX_POINTS));
  }
  slab.kind = Hyperslab::Kind::points;
  std::vector<hsize_t> coordinates(count * slab.extent.size());
  check(H5Sget_select_elem_pointlist(space, 0, count, coordinates.data()), "read the points of a stored selection");
  slab.points.assign(coordinates.begin(), coordinates.end());
}

}  // namespace

Dataspace readSpace(hid_t space) {
  Dataspace result;
  switch (H5Sget_simple_extent_type(space)) {
    case H5S_NULL:
      result.kind = Dataspace::Kind::null;
      return result;
    case H5S_SCALAR:
      return result;
    case H5S_SIMPLE:
      break;
    default:
      throwHdf5Error("read a dataspace");
  }
  hsize_t dimensions[H5S_MAX_RANK], limits[H5S_MAX_RANK];
  int rank = check(H5Sget_simple_extent_dims(space, dimensions, limits), "read a shape");
  for (int i = 0; i < rank; ++i) {
    result.shape.push_back(dimensions[i]);
    result.maxShape.push_back(limitOrUnlimited(limits[i]));
  }
  return result;
}

std::uint64_t elementsIn(const Dataspace& space) {
  return space.kind == Dataspace::Kind::null ? 0 : elementCount(space.shape);
}

Hyperslab readSelection(hid_t space) {
  Hyperslab slab;
  slab.extent = extentOf(space);
  switch (H5Sget_select_type(space)) {
    case H5S_SEL_ALL:
      return slab;
    case H5S_SEL_NONE:
      slab.kind = Hyperslab::Kind::none;
      return slab;
    case H5S_SEL_HYPERSLABS:
      break;
    case H5S_SEL_POINTS:
      readPoints(space, slab);
      return slab;
    default:
      throwHdf5Error("read a stored selection");
  }
  if (check(H5Sis_regular_hyperslab(space), "look at a stored selection") > 0) {
    readRegular(space, slab.extent.size(), slab);
  } else {
    readBoxes(space, slab.extent.size(), slab);
  }
  return slab;
}

}  // namespace h5cap::hdf5
