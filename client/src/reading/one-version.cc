#include "client/src/reading/one-version.h"

#include <utility>

#include "client/src/rpc/checked.h"
#include "h5cap/error.h"

namespace h5cap::detail {

OneVersion::OneVersion(std::string path, ReadVersion wanted, std::function<bool()> isFollowed)
    : path_(std::move(path)),
      isWanted_(!wanted.file.empty()),
      isFollowed_(std::move(isFollowed)),
      held_(std::move(wanted)) {}

void OneVersion::take(const ReadVersion& asked, const ReadVersion& got) {
  ++replies_;
  if (held_.file.empty()) {
    held_ = got;
    return;
  }
  // Who asks for a version of the file alone takes whatever else goes with it first.
  if (replies_ == 1 && held_.sources.empty()) held_.sources = got.sources;
  // A server that was asked for a version and names another has taken both for one.
  const bool isOther = got.file != held_.file && asked.file.empty() && !isFollowed_();
  if (isOther || got.sources != held_.sources) {
    hasChanged_ = !isWanted_;
    throw FileError(path_ + ": the file changed while it was read", ErrorCode::changed);
  }
}

void OneVersion::reshaped() {
  hasChanged_ = !isWanted_;
  throw FileError(path_ + ": the dataset has another shape by now than when it was described", ErrorCode::changed);
}

void OneVersion::refused(kj::Exception&& problem) {
  const auto code = codeOf(problem);
  if (code == ErrorCode::badSelection) checked([&] { reshaped(); });
  if (code == ErrorCode::changed) hasChanged_ = !isWanted_;
  kj::throwFatalException(kj::mv(problem));
}

}  // namespace h5cap::detail
