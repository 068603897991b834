#include "client/src/reading/raw-bytes.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "client/src/reading/one-version.h"
#include "client/src/rpc/checked.h"
#include "core/wire-checks.h"
#include "core/wire.h"
#include "h5cap/error.h"

namespace h5cap::detail {

namespace {

constexpr std::uint64_t MOST_LANES = 512;

class ByteJob final : public std::enable_shared_from_this<ByteJob> {
 public:
  ByteJob(const std::shared_ptr<FileState>& file, std::uint64_t offset, Version ifVersion,
          std::shared_ptr<ByteSink> sink, std::weak_ptr<Call> call)
      : remote_(file->remote()),
        name_(file->url()),
        info_(file->info()),
        offset_(offset),
        size_(sink->target.size()),
        wanted_(std::move(ifVersion)),
        sink_(std::move(sink)),
        call_(std::move(call)),
        limits_(file->connection().options),
        giveUpAt_(Clock::now() + limits_.timeout) {
    partBytes_ = std::clamp<std::uint64_t>(limits_.tileBytes, 1, rpc::MAX_REPLY_BYTES);
  }

  // Begins again where the file changed meanwhile, a few times.
  kj::Promise<void> run() {
    const std::uint64_t parts = size_ / partBytes_ + 1;
    const std::uint64_t window = std::min(limits_.windowBytes / partBytes_, MOST_LANES);
    const std::uint64_t lanes = std::clamp<std::uint64_t>(window, 1, parts);
    version_ = wanted_;
    begun_ = 0;
    end_ = UINT64_MAX;
    hasChanged_ = false;
    ++beginnings_;
    // At once; the next time only after the first part, which says of which version the others have to be.
    auto reading = beginnings_ == 1 ? read(lanes) : nextPart(Going::once).then([this, lanes] { return read(lanes); });
    return reading.then([this] { finish(); })
        .catch_([self = shared_from_this()](kj::Exception&& problem) -> kj::Promise<void> {
          if (!self->mayBeginAgain()) return kj::mv(problem);
          return self->run();
        });
  }

 private:
  using Clock = std::chrono::steady_clock;
  enum class Going { once, on };

  bool mayBeginAgain() const {
    return hasChanged_ && wanted_.empty() && beginnings_ < MOST_BEGINNINGS && Clock::now() < giveUpAt_;
  }

  kj::Promise<void> read(std::uint64_t lanes) {
    auto all = kj::heapArrayBuilder<kj::Promise<void>>(lanes);
    for (std::uint64_t i = 0; i < lanes; ++i) all.add(nextPart(Going::on));
    return kj::joinPromises(all.finish());
  }

  // A part, and then the next that nobody has begun.
  kj::Promise<void> nextPart(Going going) {
    if ((begun_ >= size_ && begun_ > 0) || begun_ >= end_) return kj::READY_NOW;
    const std::uint64_t at = begun_;
    const std::uint64_t wanted = std::min(partBytes_, size_ - at);
    begun_ += std::max<std::uint64_t>(wanted, 1);
    auto part = ask(at, wanted);
    if (going == Going::once) return part;
    return part.then([this] { return nextPart(Going::on); });
  }

  // A server may send less than was asked for; what is missing is asked for again.
  kj::Promise<void> ask(std::uint64_t at, std::uint64_t wanted) {
    auto request = remote_->file.readBytesRequest();
    request.setOffset(offset_ + at);
    request.setCount(static_cast<std::uint32_t>(wanted));
    if (!version_.empty()) request.setIfVersion(wire::asData(version_));
    return request.send().then(
        [this, at, wanted](auto reply) {
          return checked([&]() -> kj::Promise<void> {
            auto bytes = reply.getBytes();
            receive(at, wanted, bytes, wire::readVersion(reply.getVersion()));
            if (bytes.size() == wanted || end_ <= at + bytes.size()) return kj::READY_NOW;
            return ask(at + bytes.size(), wanted - bytes.size());
          });
        },
        [this](kj::Exception&& problem) -> kj::Promise<void> {
          if (codeOf(problem) == ErrorCode::changed) hasChanged_ = true;
          return kj::mv(problem);
        });
  }

  void receive(std::uint64_t at, std::uint64_t wanted, capnp::Data::Reader bytes, Version version) {
    if (bytes.size() > wanted) throw FileError(name_ + ": the server sent more bytes than were asked for");
    // Parts of a file with a SWMR writer may be of several versions.
    if (!version_.empty() && version != version_ && !info_.isSwmr) {
      hasChanged_ = true;
      throw FileError(name_ + ": the file changed while its bytes were read", ErrorCode::changed);
    }
    auto result = sink_->result.lock();
    if (result->isClosed) throw Busy("the read was given up");
    if (bytes.size() > 0) std::memcpy(sink_->target.data() + at, bytes.begin(), bytes.size());
    // The end: nothing comes from there, or the file is as long as it was when it was opened.
    const std::uint64_t end = at + bytes.size();
    const bool isKnownEnd = version == info_.version && offset_ + end >= info_.size;
    if (bytes.size() < wanted && (bytes.size() == 0 || isKnownEnd)) end_ = std::min<std::uint64_t>(end_, end);
    if (version_.empty()) version_ = std::move(version);
    result->version = version_;
    if (auto call = call_.lock()) call->noteProgress();
  }

  void finish() { sink_->result.lock()->count = std::min(size_, end_); }

  const std::shared_ptr<RemoteFile> remote_;
  const std::string name_;
  const FileInfo info_;  // as it was when it was opened
  const std::uint64_t offset_, size_;
  const Version wanted_;
  const std::shared_ptr<ByteSink> sink_;
  const std::weak_ptr<Call> call_;
  const ConnectOptions limits_;
  const Clock::time_point giveUpAt_;  // no other beginning later than that
  std::uint64_t partBytes_ = 0;
  std::uint64_t begun_ = 0;
  std::uint64_t end_ = UINT64_MAX;  // of the file, counted from `offset_`, once known
  Version version_;                 // of the first part; empty: any
  bool hasChanged_ = false;
  int beginnings_ = 0;
};

}  // namespace

SharedCall startReadBytes(const std::shared_ptr<FileState>& file, std::uint64_t offset, const Version& ifVersion,
                          std::shared_ptr<ByteSink> sink, std::function<void(const Call&)> whenDone) {
  if (offset + sink->target.size() < offset) throw BadSelection(file->url() + ": no file is as large as that offset");
  auto call = std::make_shared<Call>();
  auto job = std::make_shared<ByteJob>(file, offset, ifVersion, std::move(sink), call);
  if (whenDone)
    call->whenDone = [weak = std::weak_ptr<Call>(call), whenDone = std::move(whenDone)] { whenDone(*weak.lock()); };
  file->connection().start(call, [job] { return job->run(); });
  return call;
}

}  // namespace h5cap::detail
