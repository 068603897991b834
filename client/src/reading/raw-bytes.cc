#include "client/src/reading/raw-bytes.h"

#include <algorithm>
#include <cstring>

#include "client/src/rpc/checked.h"
#include "core/wire.h"
#include "h5cap/error.h"

namespace h5cap::detail {

namespace {

class ByteJob final : public std::enable_shared_from_this<ByteJob> {
 public:
  ByteJob(const std::shared_ptr<FileState>& file, std::uint64_t offset, std::shared_ptr<ByteSink> sink,
          std::weak_ptr<Call> call)
      : remote_(file->remote()),
        name_(file->url()),
        offset_(offset),
        size_(sink->target.size()),
        sink_(std::move(sink)),
        call_(std::move(call)),
        limits_(file->connection().options) {
    partBytes_ = std::clamp<std::uint64_t>(limits_.tileBytes, 1, rpc::MAX_REPLY_BYTES);
  }

  kj::Promise<void> run() {
    const std::uint64_t parts = size_ / partBytes_ + 1;
    const std::uint64_t lanes = std::clamp<std::uint64_t>(limits_.windowBytes / partBytes_, 1, parts);
    auto all = kj::heapArrayBuilder<kj::Promise<void>>(lanes);
    for (std::uint64_t i = 0; i < lanes; ++i) all.add(nextPart());
    return kj::joinPromises(all.finish()).then([self = shared_from_this()] { self->finish(); });
  }

 private:
  // A part, and then the next that nobody has begun.
  kj::Promise<void> nextPart() {
    if ((begun_ >= size_ && begun_ > 0) || begun_ >= end_) return kj::READY_NOW;
    const std::uint64_t at = begun_;
    const std::uint64_t wanted = std::min(partBytes_, size_ - at);
    begun_ += std::max<std::uint64_t>(wanted, 1);
    auto request = remote_->file.readBytesRequest();
    request.setOffset(offset_ + at);
    request.setCount(static_cast<std::uint32_t>(wanted));
    return request.send().then([self = shared_from_this(), at, wanted](auto reply) {
      return checked([&] {
        self->receive(at, wanted, reply);
        return self->nextPart();
      });
    });
  }

  void receive(std::uint64_t at, std::uint64_t wanted, rpc::File::ReadBytesResults::Reader reply) {
    auto bytes = reply.getBytes();
    if (bytes.size() > wanted) throw FileError(name_ + ": the server sent more bytes than were asked for");
    Version version = wire::readBytes(reply.getVersion());
    auto result = sink_->result.lock();
    if (result->isClosed) throw Busy("the read was given up");
    if (bytes.size() > 0) std::memcpy(sink_->target.data() + at, bytes.begin(), bytes.size());
    if (bytes.size() < wanted) end_ = std::min<std::uint64_t>(end_, at + bytes.size());
    if (!result->version.empty() && version != result->version) isMixed_ = true;
    result->version = std::move(version);
    if (auto call = call_.lock()) call->noteProgress();
  }

  void finish() {
    checked([&] {
      if (isMixed_ && !isSwmr)
        throw FileError(name_ + ": the file changed while its bytes were read", ErrorCode::changed);
      sink_->result.lock()->count = std::min(size_, end_);
    });
  }

 public:
  bool isSwmr = false;  // parts may then be of several versions

 private:
  const std::shared_ptr<RemoteFile> remote_;
  const std::string name_;
  const std::uint64_t offset_, size_;
  const std::shared_ptr<ByteSink> sink_;
  const std::weak_ptr<Call> call_;
  const ConnectOptions limits_;
  std::uint64_t partBytes_ = 0;
  std::uint64_t begun_ = 0;
  std::uint64_t end_ = UINT64_MAX;  // of the file, counted from `offset_`, once known
  bool isMixed_ = false;
};

}  // namespace

SharedCall startReadBytes(const std::shared_ptr<FileState>& file, std::uint64_t offset, std::shared_ptr<ByteSink> sink,
                          std::function<void(const Call&)> whenDone) {
  if (offset + sink->target.size() < offset) throw BadSelection(file->url() + ": no file is as large as that offset");
  auto call = std::make_shared<Call>();
  auto job = std::make_shared<ByteJob>(file, offset, std::move(sink), call);
  job->isSwmr = file->info().isSwmr;
  if (whenDone)
    call->whenDone = [weak = std::weak_ptr<Call>(call), whenDone = std::move(whenDone)] { whenDone(*weak.lock()); };
  file->connection().start(call, [job] { return job->run(); });
  return call;
}

}  // namespace h5cap::detail
