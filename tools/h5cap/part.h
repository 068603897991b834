// What has arrived of a file that is being fetched: NAME.part, in order and without holes, and NAME.part.version, which
// says of which version of the file it is.
//
// Both lie in the folder of NAME and are only ever files that this command made: links are not followed, neither there
// nor at NAME, which a rename replaces; and what is there already and is no part of ours (a link, another user's file,
// one with several names, one without its record) is refused and left as it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "h5cap/client.h"

namespace h5cap::cli {

class Part {
 public:
  // Makes one for NAME, or takes up what is there, if that is of this version and no longer than the file; otherwise it
  // is empty.  std::runtime_error.
  Part(const std::string& name, const Version& version, std::uint64_t fileSize);
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;

  std::uint64_t size() const { return size_; }
  void restart();
  void append(const std::byte* data, std::size_t count);
  std::vector<std::byte> read(std::uint64_t offset, std::uint64_t count) const;

  // Gives it its name.
  void finish();

  static std::string hexOf(const void* data, std::size_t size);

 private:
  // Closed with it.
  class Descriptor {
   public:
    Descriptor() = default;
    ~Descriptor();
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    void operator=(int fd) { fd_ = fd; }
    operator int() const { return fd_; }

   private:
    int fd_ = -1;
  };

  [[noreturn]] void fail(const std::string& name) const;
  int openOwn(const std::string& name) const;
  std::string recorded(int descriptor) const;

  std::string shownFolder_, name_, part_, record_;
  Descriptor folder_, descriptor_, recordDescriptor_;
  std::uint64_t size_ = 0;
};

}  // namespace h5cap::cli
