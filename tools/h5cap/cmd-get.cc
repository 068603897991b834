// h5cap get: a file as it is stored, in pieces that can be taken up again.
//
// What has arrived is in NAME.part, in order and without holes, and NAME.part.version says of which version of the file
// it is.  The next run goes on there when that still is the version, once the part's last bytes have been compared with
// the server's; otherwise it begins anew.  The file gets its name when it is complete, and its SHA-256, taken of what
// was written, is printed in the form that `sha256sum -c` reads.
#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <fstream>
#include <future>
#include <memory>
#include <system_error>
#include <vector>

#include "command.h"
#include "output.h"
#include "target.h"

namespace h5cap::cli {

namespace {

constexpr std::uint64_t PIECE_BYTES = 8 << 20;
constexpr std::size_t PIECES_UNDER_WAY = 4;
constexpr std::uint64_t COMPARED_BYTES = 64 << 10;  // of a part that is taken up again
constexpr int MOST_BEGINNINGS = 3;                  // of a file that changes meanwhile

[[noreturn]] void fail(const std::string& path) { throw std::system_error(errno, std::generic_category(), path); }

std::string hexOf(const void* data, std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) text += fmt::format("{:02x}", static_cast<const unsigned char*>(data)[i]);
  return text;
}

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1) throw Failed("no SHA-256");
  }
  void add(const void* data, std::size_t size) {
    if (EVP_DigestUpdate(context_.get(), data, size) != 1) throw Failed("SHA-256 failed");
  }
  std::string finish() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (EVP_DigestFinal_ex(context_.get(), digest, &size) != 1) throw Failed("SHA-256 failed");
    return hexOf(digest, size);
  }

 private:
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_;
};

// What has arrived so far.
class Part {
 public:
  Part(const std::string& name, const Version& version, std::uint64_t fileSize)
      : path_(name + ".part"), record_(path_ + ".version") {
    const std::string wanted = hexOf(version.data(), version.size());
    std::string recorded;
    std::ifstream(record_) >> recorded;
    descriptor_ = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    struct stat status;
    if (descriptor_ < 0 || fstat(descriptor_, &status) != 0) fail(path_);
    size_ = static_cast<std::uint64_t>(status.st_size);
    if (recorded != wanted || size_ > fileSize) restart();
    std::ofstream record(record_, std::ios::trunc);
    record << wanted << "\n";
    if (!record.flush()) fail(record_);
  }
  ~Part() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;

  std::uint64_t size() const { return size_; }

  void restart() {
    if (ftruncate(descriptor_, 0) != 0) fail(path_);
    size_ = 0;
  }

  void append(const std::byte* data, std::size_t count) {
    while (count > 0) {
      ssize_t put = pwrite(descriptor_, data, count, static_cast<off_t>(size_));
      if (put < 0 && errno == EINTR) continue;
      if (put <= 0) fail(path_);
      data += put;
      count -= static_cast<std::size_t>(put);
      size_ += static_cast<std::uint64_t>(put);
    }
  }

  std::vector<std::byte> read(std::uint64_t offset, std::uint64_t count) const {
    std::vector<std::byte> bytes(count);
    for (std::uint64_t done = 0; done < count;) {
      ssize_t got = pread(descriptor_, bytes.data() + done, count - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) fail(path_);
      done += static_cast<std::uint64_t>(got);
    }
    return bytes;
  }

  void finish(const std::string& name) {
    if (fsync(descriptor_) != 0 || rename(path_.c_str(), name.c_str()) != 0) fail(name);
    unlink(record_.c_str());
  }

 private:
  std::string path_, record_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

struct Piece {
  std::vector<std::byte> bytes;
  Version version;
};

Piece fetch(const File& file, std::uint64_t offset, std::uint64_t count) {
  Piece piece{std::vector<std::byte>(count), {}};
  RawBytes read = file.readBytes(offset, piece.bytes.data(), count);
  piece.bytes.resize(read.count);
  piece.version = std::move(read.version);
  return piece;
}

void requireVersion(const Piece& piece, std::uint64_t wanted, const FileInfo& info) {
  if (piece.version != info.version || piece.bytes.size() != wanted)
    throw FileError(info.path + ": the file changed while it was fetched", ErrorCode::changed);
}

// Takes up what is there, when it is the beginning of the file; adds it to the digest.
void takeUp(const File& file, const FileInfo& info, Part& part, Sha256& digest, Progress& progress) {
  if (part.size() == 0) return;
  const std::uint64_t compared = std::min(COMPARED_BYTES, part.size());
  Piece piece = fetch(file, part.size() - compared, compared);
  requireVersion(piece, compared, info);
  if (piece.bytes != part.read(part.size() - compared, compared)) return part.restart();
  for (std::uint64_t done = 0; done < part.size();) {
    auto bytes = part.read(done, std::min(PIECE_BYTES, part.size() - done));
    digest.add(bytes.data(), bytes.size());
    progress.add(bytes.size());
    done += bytes.size();
  }
}

std::string fetchAll(const File& file, const FileInfo& info, const std::string& name) {
  Part part(name, info.version, info.size);
  Progress progress(info.size);
  Sha256 digest;
  takeUp(file, info, part, digest, progress);
  struct UnderWay {
    std::uint64_t count;
    std::future<Piece> piece;
  };
  std::deque<UnderWay> window;
  std::uint64_t asked = part.size();
  while (asked < info.size || !window.empty()) {
    while (asked < info.size && window.size() < PIECES_UNDER_WAY) {
      const std::uint64_t count = std::min(PIECE_BYTES, info.size - asked);
      window.push_back(
          {count, std::async(std::launch::async, [&file, asked, count] { return fetch(file, asked, count); })});
      asked += count;
    }
    Piece piece = window.front().piece.get();
    requireVersion(piece, window.front().count, info);
    window.pop_front();
    part.append(piece.bytes.data(), piece.bytes.size());
    digest.add(piece.bytes.data(), piece.bytes.size());
    progress.add(piece.bytes.size());
  }
  part.finish(name);
  return digest.finish();
}

}  // namespace

void runGet(const Arguments& arguments) {
  Target target = connectTarget(arguments);
  if (target.object || target.endsInSlash) throw UsageError("get needs the address of a file, and of nothing in it");
  std::string name = arguments.output.empty() ? target.path.substr(target.path.rfind('/') + 1) : arguments.output;
  if (name.empty()) throw UsageError("get needs the address of a file");
  for (int beginning = 1;; ++beginning) {
    File file = openFile(target);
    const FileInfo& info = file.wait();
    if (info.isSwmr) throw FileError(info.path + ": is being written; a copy of its bytes would be of no one moment");
    try {
      print(fetchAll(file, info, name) + "  " + name + "\n");
      return;
    } catch (const FileError& problem) {
      if (problem.code() != ErrorCode::changed || beginning == MOST_BEGINNINGS) throw;
    }
  }
}

}  // namespace h5cap::cli
