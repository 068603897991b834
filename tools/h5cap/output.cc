#include "h5cap/printable.h"
#include "output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>

namespace h5cap::cli {
namespace {

constexpr std::size_t BUFFER_BYTES = 1 << 16;

char partialName[4096] = "";  // read by a signal handler

[[noreturn]] void failWriting(const std::string& name) {
  throw std::runtime_error(fmt::format("cannot write {}: {}", name, std::strerror(errno)));
}

void setPartialName(const std::string& name) {
  partialName[0] = 0;
  if (name.size() < sizeof(partialName)) std::memcpy(partialName, name.c_str(), name.size() + 1);
}

}  // namespace

namespace {

std::string printableLines(std::string_view text) {
  std::string out;
  for (std::size_t from = 0, end; from <= text.size(); from = end + 1) {
    end = std::min(text.find('\n', from), text.size());
    out += printable(text.substr(from, end - from));
    if (end < text.size()) out += '\n';
  }
  return out;
}

}  // namespace

void print(std::string_view raw) {
  const std::string text = printableLines(raw);
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) {
    if (errno == EPIPE) throw OutputClosed();
    failWriting("standard output");
  }
}

void flushOutput() {
  if (std::fflush(stdout) != 0) {
    if (errno == EPIPE) throw OutputClosed();
    failWriting("standard output");
  }
}

OutputFile::OutputFile(std::string path)
    : path_(std::move(path)), partial_(fmt::format("{}.{}.part", path_, getpid())) {
  // Never through a link, and never what is there: it would not be ours to remove either.
  descriptor_ = ::open(partial_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
  if (descriptor_ < 0) failWriting(partial_);
  setPartialName(partial_);
}

OutputFile::~OutputFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  removePartialFile();
}

void OutputFile::writeAt(std::uint64_t offset, const void* data, std::size_t size) {
  auto from = static_cast<const char*>(data);
  while (size > 0) {
    ssize_t written = ::pwrite(descriptor_, from, size, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) failWriting(path_);
    from += written;
    offset += static_cast<std::uint64_t>(written);
    size -= static_cast<std::size_t>(written);
  }
}

void OutputFile::append(std::string_view text) {
  pending_ += text;
  if (pending_.size() >= BUFFER_BYTES) flush();
}

void OutputFile::flush() {
  writeAt(end_, pending_.data(), pending_.size());
  end_ += pending_.size();
  pending_.clear();
}

void OutputFile::finish() {
  flush();
  int closed = ::close(descriptor_);
  descriptor_ = -1;
  if (closed != 0 || ::rename(partial_.c_str(), path_.c_str()) != 0) {
    int error = errno;
    removePartialFile();
    errno = error;
    failWriting(path_);
  }
  setPartialName("");
}

void removePartialFile() noexcept {
  if (partialName[0]) ::unlink(partialName);
}

Progress::Progress(std::uint64_t totalBytes) : total_(totalBytes), isTerminal_(::isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() {
  if (visible_) std::fputs("\r\x1b[K", stderr);
}

void Progress::add(std::uint64_t bytes) {
  constexpr auto INTERVAL = std::chrono::milliseconds(100);
  constexpr int WIDTH = 30;
  done_ += bytes;
  if (!isTerminal_) return;
  auto now = Clock::now();
  if (now - start_ < std::chrono::seconds(1) || now - shown_ < INTERVAL) return;
  shown_ = now;
  visible_ = true;
  double seconds = std::chrono::duration<double>(now - start_).count();
  double share = total_ ? static_cast<double>(done_) / static_cast<double>(total_) : 1;
  auto filled = static_cast<std::size_t>(share * WIDTH);
  std::string bar = std::string(filled, '#') + std::string(WIDTH - std::min<std::size_t>(filled, WIDTH), '.');
  std::string line = fmt::format("\r[{}] {:3.0f} %  {:.1f} MB  {:.1f} MB/s\x1b[K", bar, share * 100, done_ / 1e6,
                                 static_cast<double>(done_) / 1e6 / seconds);
  std::fputs(line.c_str(), stderr);
  std::fflush(stderr);
}

}  // namespace h5cap::cli
