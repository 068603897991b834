// Elements to standard output, .csv or .npy.
//
// Memory does not grow with the selection: .npy is written tile by tile wherever the tiles belong; text goes out in
// slabs, runs of elements in C order, one of which is fetched while the one before is written.
//
// All of it is of one version.  A file is begun again, a few times, when the dataset changes meanwhile; what went to
// standard output cannot be taken back, and the command fails.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <future>

#include "command.h"
#include "element-text.h"
#include "h5cap/printable.h"
#include "npy.h"
#include "output.h"
#include "target.h"

namespace h5cap::cli {
namespace {

constexpr std::uint64_t SLAB_BYTES = 8 << 20;
constexpr int MOST_BEGINNINGS = 3;  // of a file that changes meanwhile

using Sink = std::function<void(std::string_view)>;

enum class Format { text, csv, npy };

Format formatOf(const std::string& output) {
  auto endsWith = [&](std::string_view end) {
    return output.size() > end.size() && output.compare(output.size() - end.size(), end.size(), end) == 0;
  };
  if (output.empty()) return Format::text;
  if (endsWith(".csv")) return Format::csv;
  if (endsWith(".npy")) return Format::npy;
  throw UsageError(fmt::format("{}: the name of an output file ends in .npy or .csv", output));
}

// ------------------------------------------------------------------------------------------------------------- .npy

// Writes the elements of one tile to where they belong, in as few writes as the shapes allow.
void placeTile(OutputFile& out, std::uint64_t dataStart, const StreamedTile& tile, const Shape& full,
               std::size_t elementSize) {
  const std::vector<RegionAxis>& axes = tile.inResult;
  std::size_t outer = axes.size();
  std::uint64_t runElements = 1;
  while (outer > 0) {
    const RegionAxis& axis = axes[outer - 1];
    if (!axis.indices.empty() || (axis.step != 1 && axis.count > 1)) break;
    --outer;
    runElements *= axis.count;
    if (axis.count != full[outer]) break;
  }
  Shape stride = strides(full);
  std::uint64_t base = 0;
  for (std::size_t i = outer; i < axes.size(); ++i) base += axes[i].at(0) * stride[i];
  std::uint64_t runs = elementSize && runElements ? tile.elements.size() / elementSize / runElements : 0;
  Shape at(outer, 0);
  for (std::uint64_t run = 0; run < runs; ++run) {
    std::uint64_t position = base;
    for (std::size_t i = 0; i < outer; ++i) position += axes[i].at(at[i]) * stride[i];
    out.writeAt(dataStart + position * elementSize, tile.elements.data() + run * runElements * elementSize,
                runElements * elementSize);
    for (std::size_t i = outer; i-- > 0 && ++at[i] == axes[i].count;) at[i] = 0;
  }
}

void writeNpy(const View& view, const DataType& type, const Region& region, const std::string& path) {
  std::string header = npyHeader(type, region.shape());
  OutputFile out(path);
  out.append(header);
  Progress progress(region.elementCount() * type.size());
  TileStream stream = view.tiles();
  while (auto tile = stream.next()) {
    placeTile(out, header.size(), *tile, region.counts(), type.size());
    progress.add(tile->elements.size());
  }
  out.finish();
}

// ------------------------------------------------------------------------------------------------------ text and .csv

std::string csvCell(const std::string& text) {
  if (!text.empty() && text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (char c : text) {
    out += c;
    if (c == '"') out += c;
  }
  return out + "\"";
}

class TextWriter {
 public:
  TextWriter(Format format, const DataType& type, const Shape& shape, Sink sink)
      : format_(format), type_(type), compound_(type.as<CompoundType>()), shape_(shape), sink_(std::move(sink)) {
    rowLength_ = shape.size() < 2 ? 1 : shape.back();
    blockLength_ = shape.size() < 3 ? 0 : shape[shape.size() - 2] * rowLength_;
    if (format_ == Format::csv && columnsAreFields()) writeFieldNames();
  }

  void write(const PackedElements& run) {
    std::string text;
    std::uint64_t count = elementCount(run.shape);
    if (type_.size() == 0 || run.elements.size() / type_.size() < count) {
      throw FileError("the reply holds fewer elements than its shape");
    }
    for (std::uint64_t i = 0; i < count; ++i, ++written_) {
      appendOne(text, run.elements.data() + i * type_.size(), run.heap);
      bool endsRow = (written_ + 1) % rowLength_ == 0;
      text += endsRow ? '\n' : separator();
      bool endsBlock = blockLength_ && (written_ + 1) % blockLength_ == 0;
      if (endsBlock && format_ == Format::text) text += '\n';
      if (text.size() > (1 << 16)) {
        sink_(text);
        text.clear();
      }
    }
    sink_(text);
  }

 private:
  bool columnsAreFields() const { return compound_ && shape_.size() <= 1; }
  char separator() const { return format_ == Format::csv ? ',' : ' '; }

  void writeFieldNames() {
    std::string line;
    for (const Field& field : compound_->fields) line += (line.empty() ? "" : ",") + csvCell(field.name);
    sink_(line + "\n");
  }

  void appendOne(std::string& out, const std::byte* element, const Bytes& heap) {
    if (format_ == Format::csv) {
      appendCells(out, element, heap);
      return;
    }
    // A single string is a document: it keeps its lines.
    auto text = shape_.empty() ? stringElement(type_, element, heap) : std::nullopt;
    if (!text) {
      return appendElement(out, type_, element, heap, [this](std::string& done) {
        sink_(done);
        done.clear();
      });
    }
    std::size_t from = 0;
    for (std::size_t end; (end = text->find('\n', from)) != std::string_view::npos; from = end + 1) {
      out += printable(text->substr(from, end - from)) + "\n";
    }
    out += printable(text->substr(from));
  }

  void appendCells(std::string& out, const std::byte* element, const Bytes& heap) {
    std::string cell;
    if (!columnsAreFields()) {
      out += csvCell(cellOf(type_, element, heap));
      return;
    }
    for (std::size_t i = 0; i < compound_->fields.size(); ++i) {
      const Field& field = compound_->fields[i];
      out += (i ? "," : "") + csvCell(cellOf(field.type, element + field.offset, heap));
    }
  }

  // Texts go into a file as they are.
  static std::string cellOf(const DataType& type, const std::byte* element, const Bytes& heap) {
    if (auto text = stringElement(type, element, heap)) return std::string(*text);
    std::string cell;
    appendElement(cell, type, element, heap);
    return cell;
  }

  Format format_;
  const DataType& type_;
  const CompoundType* compound_;
  Shape shape_;
  Sink sink_;
  std::uint64_t rowLength_ = 1;
  std::uint64_t blockLength_ = 0;
  std::uint64_t written_ = 0;
};

// Cuts a view into runs of elements in C order: single indices along the axes before `axis`, up to `length` of them
// along `axis`, everything after it.
class Slabs {
 public:
  Slabs(const Shape& shape, std::uint64_t elementSize) : shape_(shape), at_(shape.size(), 0) {
    std::uint64_t rest = std::max<std::uint64_t>(elementSize, 1);
    axis_ = shape.size();
    while (axis_ > 0 && rest <= SLAB_BYTES) rest *= std::max<std::uint64_t>(shape[--axis_], 1);
    std::uint64_t one = axis_ < shape.size() ? rest / std::max<std::uint64_t>(shape[axis_], 1) : rest;
    length_ = std::max<std::uint64_t>(1, SLAB_BYTES / one);
    atEnd_ = elementCount(shape) == 0;
  }

  std::optional<Selection> next() {
    if (atEnd_) return std::nullopt;
    std::vector<Axis> axes;
    for (std::size_t i = 0; i < axis_; ++i) axes.emplace_back(static_cast<std::int64_t>(at_[i]));
    if (axis_ == shape_.size()) {
      atEnd_ = true;
      return Selection(std::move(axes));
    }
    std::uint64_t end = std::min(at_[axis_] + length_, shape_[axis_]);
    axes.emplace_back(range(static_cast<std::int64_t>(at_[axis_]), static_cast<std::int64_t>(end)));
    advance(end);
    return Selection(std::move(axes));
  }

 private:
  void advance(std::uint64_t end) {
    at_[axis_] = end;
    for (std::size_t i = axis_; at_[i] == shape_[i]; --i) {
      if (i == 0) {
        atEnd_ = true;
        return;
      }
      at_[i] = 0;
      ++at_[i - 1];
    }
  }

  Shape shape_;
  Shape at_;
  std::size_t axis_ = 0;
  std::uint64_t length_ = 1;
  bool atEnd_ = false;
};

void writeRuns(const View& view, const DataType& type, const Region& region, Format format, const Sink& sink) {
  TextWriter writer(format, type, region.shape(), sink);
  Slabs slabs(region.shape(), type.size());
  Progress progress(region.elementCount() * type.size());
  ReadOptions options;
  std::optional<std::future<PackedElements>> ahead;
  Shape expected;
  auto fetch = [&] {
    std::optional<Selection> slab = slabs.next();
    ahead.reset();
    if (!slab) return;
    View part = slab->axes().empty() ? view : view[*slab];
    expected = part.shape();
    ahead = part.readPackedAsync(options);
  };
  for (fetch(); ahead;) {
    PackedElements run = ahead->get();
    if (run.shape != expected) throw FileError("the dataset is smaller by now than it was", ErrorCode::changed);
    options.ifVersion = run.version;  // the others go with the first
    fetch();
    writer.write(run);
    progress.add(run.elements.size());
  }
}

void writeOnce(const Dataset& dataset, const DatasetInfo& info, const Target& target, Format format,
               const std::string& output) {
  // Fixed to one shape: a dataset that grows meanwhile is written as it was.
  Region region = resolve(target.selection, info.space.shape);
  View view = dataset[asSelection(region)];
  if (format == Format::npy) return writeNpy(view, info.type, region, output);
  if (format == Format::text) return writeRuns(view, info.type, region, format, print);
  OutputFile out(output);
  writeRuns(view, info.type, region, format, [&](std::string_view text) { out.append(text); });
  out.finish();
}

}  // namespace

void runCat(const Arguments& arguments) {
  Format format = formatOf(arguments.output);
  Target target = connectTarget(arguments);
  std::string path = objectPath(target);
  if (!target.object) throw UsageError("cat needs the path of a dataset");
  Dataset dataset = target.session.open(target.path).dataset(path);
  DatasetInfo info = *dataset.info();
  for (int beginning = 1;; ++beginning) {
    if (info.space.kind == Dataspace::Kind::null) {
      if (format == Format::npy) throw BadType(fmt::format("{}: a null dataspace does not fit a .npy file", path));
      return;
    }
    if (info.space.kind == Dataspace::Kind::unknown)
      throw Unimplemented(fmt::format("{}: {}", path, info.space.whyUnknown));
    try {
      return writeOnce(dataset, info, target, format, arguments.output);
    } catch (const FileError& problem) {
      const bool isWritten = format == Format::text;
      if (isWritten || problem.code() != ErrorCode::changed || beginning == MOST_BEGINNINGS) throw;
    }
    info = dataset.refresh();
  }
}

}  // namespace h5cap::cli
