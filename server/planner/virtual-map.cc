#include "server/planner/virtual-map.h"

#include "core/source-name.h"
#include "core/unlimited-axis.h"
#include "server/planner/dataspace.h"
#include "server/planner/handle.h"

namespace h5cap::hdf5 {

namespace {

template <class Query>
std::string textOf(Query query, const char* doing) {
  ssize_t length = check(query(nullptr, 0), doing);
  std::string text(length + 1, '\0');
  check(query(text.data(), text.size()), doing);
  text.resize(length);
  return text;
}

std::string fileOf(hid_t list, std::size_t i) {
  return textOf([&](char* to, size_t size) { return H5Pget_virtual_filename(list, i, to, size); },
                "read the name of a virtual source");
}

std::string datasetOf(hid_t list, std::size_t i) {
  return textOf([&](char* to, size_t size) { return H5Pget_virtual_dsetname(list, i, to, size); },
                "read the dataset of a virtual source");
}

}  // namespace

std::size_t mappingCount(hid_t creationList) {
  size_t count = 0;
  check(H5Pget_virtual_count(creationList, &count), "count the mappings of a virtual dataset");
  return count;
}

std::vector<VirtualSource> readMappings(hid_t creationList) {
  std::vector<VirtualSource> sources(mappingCount(creationList));
  for (std::size_t i = 0; i < sources.size(); ++i) {
    VirtualSource& source = sources[i];
    source.file = fileOf(creationList, i);
    source.dataset = datasetOf(creationList, i);
    source.isPattern = hasBlockNumber(source.file) || hasBlockNumber(source.dataset);
    Handle virtualSpace = own(H5Pget_virtual_vspace(creationList, i), "read a virtual mapping");
    source.virtualSelection = readSelection(virtualSpace.get());
    Handle sourceSpace = own(H5Pget_virtual_srcspace(creationList, i), "read a virtual mapping");
    source.sourceSelection = readSelection(sourceSpace.get());
  }
  return sources;
}

std::optional<Dataspace> growingSpace(hid_t creationList) {
  std::size_t count = mappingCount(creationList);
  for (std::size_t i = 0; i < count; ++i) {
    Handle mapped = own(H5Pget_virtual_vspace(creationList, i), "read a virtual mapping");
    // An irregular selection is bounded; looking at its boxes would be work for nothing.
    if (H5Sget_select_type(mapped.get()) != H5S_SEL_HYPERSLABS || H5Sis_regular_hyperslab(mapped.get()) <= 0) continue;
    if (!unlimitedAxis(readSelection(mapped.get()))) continue;
    Dataspace space = readSpace(mapped.get());
    space.kind = Dataspace::Kind::unknown;
    space.whyUnknown = "a virtual dataset that grows with its sources, as " + fileOf(creationList, i) + " says";
    return space;
  }
  return std::nullopt;
}

}  // namespace h5cap::hdf5
