#include "part.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace h5cap::cli {
namespace {

constexpr std::size_t MAX_RECORD_BYTES = 16 << 10;
constexpr const char* REMEDY = "remove it, or use -o";

bool writeAll(int descriptor, const char* data, std::size_t count, std::uint64_t offset) {
  while (count > 0) {
    ssize_t put = pwrite(descriptor, data, count, static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    data += put;
    count -= static_cast<std::size_t>(put);
    offset += static_cast<std::uint64_t>(put);
  }
  return true;
}

}  // namespace

std::string Part::hexOf(const void* data, std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) text += fmt::format("{:02x}", static_cast<const unsigned char*>(data)[i]);
  return text;
}

void Part::fail(const std::string& name) const {
  throw std::system_error(errno, std::generic_category(), shownFolder_ + name);
}

// The file of that name, made if there is none.
int Part::openOwn(const std::string& name) const {
  constexpr int HOW = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  int descriptor = openat(folder_, name.c_str(), HOW | O_CREAT | O_EXCL, 0666);
  if (descriptor >= 0) return descriptor;
  if (errno != EEXIST) fail(name);
  descriptor = openat(folder_, name.c_str(), HOW);
  struct stat status {};
  const bool isOurs = descriptor >= 0 && fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) &&
                      status.st_uid == geteuid() && status.st_nlink == 1;
  if (isOurs) return descriptor;
  if (descriptor >= 0) close(descriptor);
  throw std::runtime_error(shownFolder_ + name + ": is there, and no part of an earlier run: " + REMEDY);
}

// What the record says; nothing when it is no record.
std::string Part::recorded(int descriptor) const {
  std::string text(MAX_RECORD_BYTES, '\0');
  ssize_t got = pread(descriptor, text.data(), text.size(), 0);
  text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  const bool isRecord = !text.empty() && text.back() == '\n' &&
                        text.find_first_not_of("0123456789abcdef") == text.size() - 1;
  if (!text.empty() && !isRecord)
    throw std::runtime_error(shownFolder_ + record_ + ": is there, and no record of an earlier run: " + REMEDY);
  return text;
}

Part::Part(const std::string& name, const Version& version, std::uint64_t fileSize) {
  const auto slash = name.rfind('/');
  shownFolder_ = slash == std::string::npos ? "" : name.substr(0, slash + 1);
  name_ = slash == std::string::npos ? name : name.substr(slash + 1);
  part_ = name_ + ".part";
  record_ = part_ + ".version";
  folder_ = open(shownFolder_.empty() ? "." : shownFolder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder_ < 0) fail("");
  descriptor_ = openOwn(part_);
  struct stat status {};
  if (fstat(descriptor_, &status) != 0) fail(part_);
  size_ = static_cast<std::uint64_t>(status.st_size);
  recordDescriptor_ = openOwn(record_);
  const std::string earlier = recorded(recordDescriptor_);
  if (size_ > 0 && earlier.empty()) {
    unlinkat(folder_, record_.c_str(), 0);
    throw std::runtime_error(shownFolder_ + part_ + ": is there, and no part of an earlier run: " + REMEDY);
  }
  const std::string wanted = hexOf(version.data(), version.size()) + "\n";
  if (earlier == wanted && size_ <= fileSize) return;
  restart();
  const bool isWritten = ftruncate(recordDescriptor_, 0) == 0 &&
                         writeAll(recordDescriptor_, wanted.data(), wanted.size(), 0);
  if (!isWritten) fail(record_);
}

Part::Descriptor::~Descriptor() {
  if (fd_ >= 0) close(fd_);
}

void Part::restart() {
  if (ftruncate(descriptor_, 0) != 0) fail(part_);
  size_ = 0;
}

void Part::append(const std::byte* data, std::size_t count) {
  if (!writeAll(descriptor_, reinterpret_cast<const char*>(data), count, size_)) fail(part_);
  size_ += count;
}

std::vector<std::byte> Part::read(std::uint64_t offset, std::uint64_t count) const {
  std::vector<std::byte> bytes(count);
  for (std::uint64_t done = 0; done < count;) {
    ssize_t got = pread(descriptor_, bytes.data() + done, count - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) fail(part_);
    done += static_cast<std::uint64_t>(got);
  }
  return bytes;
}

void Part::finish() {
  if (fsync(descriptor_) != 0 || renameat(folder_, part_.c_str(), folder_, name_.c_str()) != 0) fail(name_);
  unlinkat(folder_, record_.c_str(), 0);
}

}  // namespace h5cap::cli
