// h5cap get: a file as it is stored, in pieces that can be taken up again.
//
// What has arrived is in a part beside the file (part.h).  The next run goes on there when that still is the version,
// once the part's last bytes have been compared with the server's; otherwise it begins anew.  The file gets its name
// when it is complete, and its SHA-256, taken of what was written, is printed in the form that `sha256sum -c` reads.
#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <deque>
#include <future>
#include <memory>
#include <vector>

#include "command.h"
#include "h5cap/printable.h"
#include "output.h"
#include "part.h"
#include "target.h"

namespace h5cap::cli {

namespace {

constexpr std::uint64_t PIECE_BYTES = 8 << 20;
constexpr std::size_t PIECES_UNDER_WAY = 4;
constexpr std::uint64_t COMPARED_BYTES = 64 << 10;  // of a part that is taken up again
constexpr int MOST_BEGINNINGS = 3;                  // of a file that changes meanwhile

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
    return Part::hexOf(digest, size);
  }

 private:
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_;
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
  part.finish();
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
      print(fetchAll(file, info, name) + "  " + printable(name) + "\n");
      return;
    } catch (const FileError& problem) {
      if (problem.code() != ErrorCode::changed || beginning == MOST_BEGINNINGS) throw;
    }
  }
}

}  // namespace h5cap::cli
