#include "server/reading/dataset-reader.h"

#include "core/convert.h"
#include "core/heap.h"
#include "server/base/guarded.h"
#include "server/reading/read-operation.h"

namespace h5cap {

kj::Promise<ReadResult> readDataset(NodePlace place, ReadRequest request, ElementSpace& space, int depthLeft) {
  auto operation = kj::heap<ReadOperation>(kj::mv(place), std::move(request), space, depthLeft);
  // Also of a source, whose permission is another one than that of the virtual dataset.
  OpenFile& file = operation->file();
  auto reading = kj::evalNow([&] { return operation->run(); });
  return file.grant().during(operation->timer(), file.shownPath(), kj::mv(reading)).attach(kj::mv(operation));
}

namespace {

class HeapSpace final : public ElementSpace {
 public:
  kj::Promise<std::span<std::byte>> reserve(std::size_t bytes) override {
    bytes_.assign(bytes, std::byte{0});
    return std::span<std::byte>(bytes_);
  }
  Bytes& bytes() { return bytes_; }

 private:
  Bytes bytes_;
};

// Appends replies until there is no more.
class WholeReader {
 public:
  WholeReader(NodePlace place, WorkOwner owner, Selection selection, AbsentSources absentSources,
              std::uint64_t maxHeapBytes, int depthLeft)
      : place_(kj::mv(place)), depthLeft_(depthLeft), request_{.owner = owner}, heap_(maxHeapBytes) {
    request_.selection = std::move(selection);
    request_.absentSources = absentSources;
    request_.replyBytes = rpc::MAX_REPLY_BYTES;
  }

  kj::Promise<WholeRead> run() {
    return readDataset(place_.clone(), request_, space_, depthLeft_).then([this](ReadResult result) {
      return guarded([&]() -> kj::Promise<WholeRead> {
        append(result);
        if (!result.next) {
          whole_.heap = heap_.take();
          return std::move(whole_);
        }
        request_.firstElement = *result.next;
        request_.ifVersion = result.version;
        return run();
      });
    });
  }

 private:
  void append(const ReadResult& result) {
    if (whole_.elements.empty())
      whole_.type = result.node->dataset->type;
    else if (!sameElements(whole_.type, result.node->dataset->type))
      raiseKj(ErrorCode::changed, place_.text() + ": its datatype changed while it was read");
    const std::size_t size = std::max<std::size_t>(whole_.type.size(), 1);
    const std::size_t before = whole_.elements.size();
    if (result.fill) {
      if (result.count > rpc::MAX_MESSAGE_WORDS * 8 / size)
        raiseKj(ErrorCode::tooLarge, place_.text() + ": a piece of a virtual dataset is larger than 64 MiB");
      whole_.elements.resize(before + result.count * size);
      fillElements(*result.fill, std::span(whole_.elements).subspan(before));
    } else {
      whole_.elements.insert(whole_.elements.end(), space_.bytes().begin(), space_.bytes().end());
    }
    heap_.append(whole_.type, std::span(whole_.elements).subspan(before), result.heap);
    whole_.missingSources.insert(whole_.missingSources.end(), result.missingSources.begin(),
                                 result.missingSources.end());
  }

  NodePlace place_;
  int depthLeft_;
  ReadRequest request_;
  HeapSpace space_;
  WholeRead whole_;
  Heap heap_;
};

}  // namespace

kj::Promise<WholeRead> readWhole(NodePlace place, WorkOwner owner, Selection selection, AbsentSources absentSources,
                                 std::uint64_t maxHeapBytes, int depthLeft) {
  auto reader =
      kj::heap<WholeReader>(kj::mv(place), owner, std::move(selection), absentSources, maxHeapBytes, depthLeft);
  auto promise = kj::evalNow([&] { return reader->run(); });
  return promise.attach(kj::mv(reader));
}

}  // namespace h5cap
