#include "server/reading/raw-bytes.h"

#include <capnp/orphan.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <span>

#include "core/read-range.h"
#include "server/base/guarded.h"
#include "server/executor/loan.h"
#include "server/session/reply-room.h"

namespace h5cap {
namespace {

constexpr std::uint64_t headWords = 64;

struct ReadAhead {
  std::uint64_t count = 0;
  bool isUnchanged = false;
  std::optional<Bytes> late;  // they came when others had the room by then
};

// Reads what there is of `target`'s size; returns how much that was.
std::uint64_t readFully(int file, std::uint64_t offset, std::span<std::byte> target) {
  const auto count = readRange(file, offset, target);
  if (!count) throw FileError(std::string("cannot be read: ") + std::strerror(errno));
  return *count;
}

// One call.  The steps follow each other; members are those of the attempt under way.
class RawRead {
 public:
  RawRead(OpenFile& file, Caller& caller, ReadBytesContext context)
      : file_(kj::addRef(file)), server_(file.session().server), room_(caller), context_(context),
        offset_(context.getParams().getOffset()),
        wanted_(std::min<std::uint64_t>(context.getParams().getCount(), server_.limits.bytesInOneReply)),
        ifVersion_(wire::readBytes(context.getParams().getIfVersion())),
        giveUp_(server_.timer.now() + server_.limits.changedFor.count() * kj::MILLISECONDS) {
    context.releaseParams();
  }

  kj::Promise<void> run() {
    return file_->current().then([this](kj::Own<FileVersion> version) { return attempt(kj::mv(version)); });
  }

 private:
  kj::Promise<void> attempt(kj::Own<FileVersion> version) {
    version_ = kj::mv(version);
    return isSwmr()
        .then([this](bool isSwmr) {
          // What satisfies() says of a SWMR file is known by now.
          if (!ifVersion_.empty() && !version_->satisfies(ifVersion_))
            raiseKj(ErrorCode::changed, file_->shownPath() + ": the file is not the version that was asked for");
          return reserve(isSwmr);
        })
        .then([this](bool isSwmr) { return read(isSwmr); })
        .then([this](ReadAhead result) -> kj::Promise<void> {
          if (result.isUnchanged && result.late) {
            return allocate(result.count).then([this, late = std::move(*result.late), count = result.count] {
              std::copy_n(late.begin(), count, target().begin());
              answer(count);
            });
          }
          if (result.isUnchanged) {
            answer(result.count);
            return kj::READY_NOW;
          }
          if (server_.timer.now() > giveUp_)
            raiseKj(ErrorCode::changed, file_->shownPath() + ": the file kept changing while its bytes were read");
          return file_->current().then([this](kj::Own<FileVersion> next) { return attempt(kj::mv(next)); });
        });
  }

  // Bytes of a file that libhdf5 cannot open may be wanted all the same.
  kj::Promise<bool> isSwmr() {
    return version_->info().then([](std::shared_ptr<const FileInfo> info) { return info->isSwmr; },
                                 [](kj::Exception&&) { return false; });
  }

  // What a SWMR writer appends meanwhile is not asked for again, so the size that is known is enough.
  std::uint64_t available() const {
    const std::uint64_t size = version_->state().size;
    return offset_ >= size ? 0 : std::min(wanted_, size - offset_);
  }

  kj::Promise<bool> reserve(bool isSwmr) {
    return allocate(available()).then([isSwmr] { return isSwmr; });
  }

  kj::Promise<void> allocate(std::uint64_t bytes) {
    return room_.reserve(bytes).then([this, bytes] {
      auto results = context_.getResults(capnp::MessageSize{bytes / sizeof(capnp::word) + headWords, 0});
      bytes_ = capnp::Orphanage::getForMessageContaining(results).newOrphan<capnp::Data>(bytes);
    });
  }

  std::span<std::byte> target() {
    auto data = bytes_.get();
    return std::as_writable_bytes(std::span(data.begin(), data.size()));
  }

  // On a thread that may outlive this: it copies while there is somewhere to copy to.
  kj::Promise<ReadAhead> read(bool isSwmr) {
    auto target = this->target();
    auto loan = std::make_shared<Loan>();
    auto work = [file = version_->sharedFile(), loan, target, size = target.size(), offset = offset_, isSwmr,
                 state = version_->state(), name = file_->shownPath()]() mutable {
      try {
        Bytes bytes(size);
        const std::uint64_t count = readFully(file->get(), offset, bytes);
        const bool isUnchanged = isSwmr || (count == size && stateOf(file->get()) == state);
        const bool isInTime = loan->whileLent([&] { std::copy_n(bytes.begin(), count, target.begin()); });
        return ReadAhead{count, isUnchanged, isInTime ? std::nullopt : std::optional(std::move(bytes))};
      } catch (const FileError& problem) {
        throw FileError(name + ": " + problem.what(), problem.code());
      }
    };
    auto running = server_.executor.run<ReadAhead>(version_->lane(), room_.caller().owner(), kj::mv(work))
                       .attach(kj::defer([loan] { loan->end(); }));
    if (version_->answersAtOnce()) return running;
    auto takingBack = server_.timer.afterDelay(storagePatience).then([this, loan]() -> kj::Promise<ReadAhead> {
      loan->endUnused([&] { return standAside(); });
      return kj::NEVER_DONE;
    });
    return running.exclusiveJoin(kj::mv(takingBack));
  }

  bool standAside() {
    if (!room_.standAside()) return false;
    bytes_ = capnp::Orphan<capnp::Data>();
    return true;
  }

  void answer(std::uint64_t count) {
    auto results = context_.getResults();
    if (count < bytes_.get().size()) bytes_.truncate(count);
    results.adoptBytes(kj::mv(bytes_));
    results.setVersion(wire::asData(version_->version()));
  }

  kj::Own<OpenFile> file_;
  ServerContext& server_;
  ReplyRoom room_;
  ReadBytesContext context_;
  const std::uint64_t offset_, wanted_;
  const Version ifVersion_;  // empty: any
  const kj::TimePoint giveUp_;
  kj::Own<FileVersion> version_;
  capnp::Orphan<capnp::Data> bytes_;
};

}  // namespace

kj::Promise<void> readRawBytes(OpenFile& file, Caller& caller, ReadBytesContext context) {
  auto operation = kj::heap<RawRead>(file, caller, context);
  auto promise = operation->run();
  return promise.attach(kj::mv(operation));
}

}  // namespace h5cap
