#include <fmt/format.h>

#include "attribute-text.h"
#include "command.h"
#include "element-text.h"
#include "h5cap/printable.h"
#include "output.h"
#include "target.h"
#include "walk.h"

namespace h5cap::cli {
namespace {

void field(const std::string& name, const std::string& value) {
  print(fmt::format("{:<13} {}\n", printable(name) + ":", printable(value)));
}

std::string layoutText(Layout layout) {
  switch (layout) {
    case Layout::compact:
      return "compact";
    case Layout::contiguous:
      return "contiguous";
    case Layout::chunked:
      return "chunked";
    case Layout::virtualMapping:
      return "virtual";
    case Layout::external:
      return "external raw files";
    case Layout::unknown:
      break;
  }
  return "unknown";
}

std::string slabText(const Hyperslab& slab) {
  if (slab.kind == Hyperslab::Kind::all) return "[all]";
  if (slab.kind == Hyperslab::Kind::none) return "[nothing]";
  if (slab.kind == Hyperslab::Kind::boxes) return "[boxes]";
  std::string out;
  for (const Hyperslab::Dimension& dimension : slab.dimensions) {
    if (!out.empty()) out += ", ";
    bool isOpen = dimension.count == unlimited || dimension.block == unlimited;
    bool isRun = dimension.count == 1 || dimension.stride == dimension.block;
    if (isOpen) {
      out += fmt::format("{}:", dimension.start);
    } else if (isRun) {
      out += fmt::format("{}:{}", dimension.start, dimension.start + dimension.count * dimension.block);
    } else {
      out +=
          fmt::format("{}:{}:{}", dimension.start,
                      dimension.start + (dimension.count - 1) * dimension.stride + dimension.block, dimension.stride);
      if (dimension.block > 1) out += fmt::format("(blocks of {})", dimension.block);
    }
  }
  return "[" + out + "]";
}

void showFilters(const std::vector<Filter>& filters) {
  for (const Filter& filter : filters) {
    std::string text = printable(filter.name);
    if (text.empty()) text = "(no name)";
    field("filter", fmt::format("{} (id {}{}{})", text, filter.id, filter.parameters.empty() ? "" : "; ",
                                fmt::join(filter.parameters, " ")));
  }
}

void showDataset(const DatasetInfo& info) {
  field("shape", spaceText(info.space));
  field("type", printable(describe(info.type)));
  field("layout", layoutText(info.layout));
  if (!info.chunkShape.empty()) field("chunks", shapeText(info.chunkShape));
  showFilters(info.filters);
  if (info.space.kind == Dataspace::Kind::simple) {
    field("storage", fmt::format("{} bytes in this file for {} bytes of elements", info.storageBytes,
                                 elementCount(info.space.shape) * info.type.size()));
  }
  if (info.fillDefined && !info.fillValue.empty())
    field("fill value", briefValue(info.type, {}, info.fillValue, info.fillHeap));
  for (const VirtualSource& source : info.virtualSources) {
    field("source", fmt::format("{} ← {}:{} {}", slabText(source.virtualSelection), printable(source.file),
                                printable(source.dataset), slabText(source.sourceSelection)));
  }
  for (const ExternalFile& raw : info.externalFiles) {
    field("raw file", fmt::format("{} from byte {}, {} bytes", printable(raw.name), raw.offset, raw.size));
  }
}

void showFile(const FileInfo& info) {
  field("file", printable(info.path));
  field("size", fmt::format("{} bytes", info.size));
  if (info.userBlockSize) field("user block", fmt::format("{} bytes", info.userBlockSize));
  field("HDF5", info.libraryVersion);
  if (info.isSwmr) field("being written", "yes (SWMR)");
}

void showNode(const Node& node) {
  const auto known = node.info();
  const NodeInfo& info = *known;
  field("object", fmt::format("{} ({})", printable(node.path()), kindText(info.kind)));
  if (info.problem) field("problem", printable(info.problem->message));
  // What opening leaves out: storage of chunks, sources of a virtual dataset.
  if (info.dataset) showDataset(Dataset(node.state()).refresh());
  if (info.type) field("type", printable(describe(*info.type)));
  if (info.kind == NodeKind::group) field("links", std::to_string(info.linkCount));
  for (const Attribute& attribute : node.attributes().list())
    field("@" + printable(attribute.name), attributeText(attribute));
}

}  // namespace

void runInfo(const Arguments& arguments) {
  Target target = connectTarget(arguments);
  FileOrDirectory found = openEither(target);
  if (!found.file) {
    field("directory", printable("/" + target.path));
    field("entries", std::to_string(found.entries.size()));
    return;
  }
  Node node = found.file->node(objectPath(target));
  node.info();
  if (!target.object) {
    showFile(found.file->wait());
  } else if (node.fileInfo()->path != found.file->wait().path) {
    field("in file", printable(node.fileInfo()->path));
  }
  showNode(node);
}

}  // namespace h5cap::cli
