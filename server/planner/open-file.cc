#include "server/planner/open-file.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "core/read-range.h"
#include "h5cap/error.h"
#include "server/planner/newer-attributes.h"
#include "server/planner/newer-format.h"
#include "server/planner/vfd.h"

namespace h5cap::hdf5 {

namespace {

constexpr std::size_t CHUNK_CACHE_BYTES = 32 << 20;
constexpr std::size_t CHUNK_CACHE_SLOTS = 12421;  // a prime, about a hundred for each chunk that fits

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

// At byte 0 or 512, 1024, 2048, … (file format specification, II.A).  libhdf5 reads beyond the end of a small file
// while it looks, and then complains about that instead.
std::optional<std::uint64_t> signaturePlace(int descriptor) {
  constexpr std::string_view signature = "\x89HDF\r\n\x1a\n";
  std::array<char, signature.size()> found;
  for (off_t at = 0;; at = at == 0 ? 512 : at * 2) {
    const auto got = readRange(descriptor, at, std::as_writable_bytes(std::span(found)));
    if (!got) throw FileError(std::string("reading the file failed: ") + std::strerror(errno));
    if (*got < found.size()) return std::nullopt;
    if (std::string_view(found.data(), found.size()) == signature) return at;
  }
}

[[noreturn]] void throwTooNew(const std::string& what, const std::string& reason) {
  throw FileError("written by a newer HDF5 than this server's libhdf5 " + libraryVersion() + " (" + what + ": " +
                  reason + ")");
}

[[noreturn]] void throwOpenError(int descriptor, std::uint64_t superblock) {
  std::string reason = innermostError().reason;
  if (contains(reason, "bad superblock version")) throwTooNew(superblockVersion(descriptor, superblock), reason);
  if (contains(reason, "truncated file")) throw FileError("the file is truncated: " + reason);
  throw FileError("cannot open as HDF5 (libhdf5 " + libraryVersion() + "): " + reason);
}

Handle accessList() {
  Handle list = own(H5Pcreate(H5P_FILE_ACCESS), "make an access list");
  check(H5Pset_driver(list.get(), descriptorDriver(), nullptr), "choose the driver");
  check(H5Pset_cache(list.get(), 0, CHUNK_CACHE_SLOTS, CHUNK_CACHE_BYTES, 1.0), "set the chunk cache");
  return list;
}

// "File consistency flags" of a version 3 superblock (HDF5 file format specification, II.A): bit 0 says open for
// writing, bit 2 for single-writer multiple-reader access.
bool hasSwmrWriter(int descriptor, std::uint64_t superblock) {
  std::array<unsigned char, 12> head;
  if (readRange(descriptor, superblock, std::as_writable_bytes(std::span(head))) != head.size()) return false;
  constexpr unsigned char writing = 1, swmr = 4;
  return head[8] == 3 && (head[11] & writing) != 0 && (head[11] & swmr) != 0;
}

// The beginning of an object's header: in files for SWMR, with the times of its creation and changes ("Version 2 Data
// Object Header Prefix", IV.A.1.b).
std::array<unsigned char, 22> headerMark(int descriptor, std::uint64_t address) {
  std::array<unsigned char, 22> mark{};
  if (!readRange(descriptor, address, std::as_writable_bytes(std::span(mark)))) mark = {};
  return mark;
}

}  // namespace

std::string libraryVersion() {
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(release);
}

OpenFile::OpenFile(int descriptor) : descriptor_(descriptor) {
  std::optional<std::uint64_t> superblock = signaturePlace(descriptor);
  if (!superblock) throw FileError("not an HDF5 file");
  Handle access = accessList();
  const bool isWritten = hasSwmrWriter(descriptor, *superblock);
  if (!isWritten) hideNewerAttributesOfRoot(descriptor, *superblock);
  lendDescriptor(descriptor);
  file_ = Handle(H5Fopen(NAME, H5F_ACC_RDONLY | H5F_ACC_SWMR_READ, access.get()));
  if (!file_) throwOpenError(descriptor, *superblock);
  Handle creation = own(H5Fget_create_plist(file_.get()), "read the file's properties");
  hsize_t userBlock = 0;
  check(H5Pget_userblock(creation.get(), &userBlock), "read the file's user block");
  H5O_info_t root;
  check(H5Oget_info_by_name2(file_.get(), "/", &root, H5O_INFO_BASIC, H5P_DEFAULT), "open the root group");
  info_.size = static_cast<std::uint64_t>(lseek(descriptor, 0, SEEK_END));
  info_.userBlockSize = userBlock;
  info_.libraryVersion = libraryVersion();
  info_.isSwmr = isWritten;
  info_.rootId = root.addr;
  rootMark_ = headerMark(descriptor_, userBlock + root.addr);
}

void OpenFile::readBytes(std::uint64_t address, std::span<std::byte> target) const {
  const auto got = readRange(descriptor_, address, target);
  if (!got) throw FileError(std::string("reading the file failed: ") + std::strerror(errno));
  if (*got < target.size()) throw FileError("the file ends before byte " + std::to_string(address + target.size()));
}

std::uint64_t OpenFile::size() const { return static_cast<std::uint64_t>(lseek(descriptor_, 0, SEEK_END)); }

bool OpenFile::isLive() const {
  return info_.isSwmr && hasSwmrWriter(descriptor_, info_.userBlockSize) &&
         headerMark(descriptor_, info_.userBlockSize + info_.rootId) == rootMark_;
}

Handle OpenFile::object(ObjectId id) const {
  if (!info_.isSwmr) hideNewerAttributes(descriptor_, info_.userBlockSize, id);
  Handle object(H5Oopen_by_addr(file_.get(), id));
  if (!object) {
    std::string reason = innermostError().reason;
    std::string newer = isAboutVersion(reason) ? newerMessages(descriptor_, info_.userBlockSize + id) : "";
    if (!newer.empty()) throwTooNew(newer, reason);
    throwHdf5Error("open the object");
  }
  if (info_.isSwmr && H5Iget_type(object.get()) == H5I_DATASET) check(H5Drefresh(object.get()), "refresh the dataset");
  return object;
}

Handle OpenFile::group(ObjectId id) const {
  Handle found = object(id);
  if (H5Iget_type(found.get()) != H5I_GROUP) throw BadType("not a group");
  return found;
}

Handle OpenFile::dataset(ObjectId id) const {
  Handle found = object(id);
  if (H5Iget_type(found.get()) != H5I_DATASET) throw BadType("not a dataset");
  return found;
}

}  // namespace h5cap::hdf5
