// The folder of a disk cache, which may hold anything else as well: what is ours in it, and that nothing else is ever
// touched.
//
// A folder is ours when it has a marker, a file of a name that nobody else uses.  One that is absent or empty is taken
// by making one, and so is one that has nothing but entries as releases without markers made them; any other is
// refused.  Ours within it are regular files of this user, in folders of two digits, with names and first bytes that
// only a cache gives.  Links are followed to the folder, since the user named it, and nowhere below it.
#pragma once

#include <time.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace h5cap::detail {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~Descriptor();
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

// What every entry begins with: "h5pache1", in the machine's order.
inline constexpr std::uint64_t ENTRY_MAGIC = 0x3165686361703568;

class CacheFolder {
 public:
  explicit CacheFolder(std::string path);

  // Makes it ours, or finds that it is.  FileError (fileProblem), which says what to do, when it is somebody else's or
  // holds other things.  False when it cannot be made or written (a full disk, a read-only one).
  bool take() const;

  // Where the entry `name`, 32 hexadecimal digits, lies: the folder of those that begin alike.  `make` it, of a folder
  // that is ours, or find it.  None when there is none, or it is a link.
  enum class Missing { make, leave };
  Descriptor shelfOf(const std::string& name, Missing missing) const;

  // The path of an entry, to ask whether there is one.
  std::string pathOf(const std::string& name) const;

  // A file of ours.
  struct Kept {
    std::string shelf;
    std::string name;
    std::uint64_t size = 0;
    timespec used{};
    bool isTemporary = false;  // somebody is writing it, or was
  };
  // All of them; none where the folder is not ours.
  std::vector<Kept> list() const;

  // Removes one, if it still is ours.
  void remove(const Kept& kept) const;

 private:
  Descriptor open() const;
  std::string path_;
};

// The name of an entry that is being written, the `number`th of this process.
std::string temporaryName(std::uint64_t number);

// Whether the file of that name in a folder may be replaced or removed: it is ours, or absent.
bool isOursOrAbsent(const Descriptor& shelf, const std::string& name);

}  // namespace h5cap::detail
