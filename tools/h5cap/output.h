// Where results go: standard output, or a file that appears under its name only when it is complete.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace h5cap::cli {

// Standard output's reader has gone.
struct OutputClosed {};

// Lines to standard output, buffered, with nothing else in them that a terminal obeys: whoever prints what came from a
// file or a server makes it `printable` himself, as line feeds pass here.  Throws OutputClosed, or std::runtime_error
// naming what went wrong.
void print(std::string_view text);
void flushOutput();

// A file under a temporary name beside its own; `finish` gives it its name, and without that it is removed.
class OutputFile {
 public:
  explicit OutputFile(std::string path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void writeAt(std::uint64_t offset, const void* data, std::size_t size);
  void append(std::string_view text);
  void finish();

 private:
  void flush();

  std::string path_;
  std::string partial_;
  std::string pending_;
  std::uint64_t end_ = 0;
  int descriptor_ = -1;
};

// For signal handlers: removes the file that an OutputFile is writing.
void removePartialFile() noexcept;

// A line on a terminal's standard error, from the first second on: how far, and how fast.
class Progress {
 public:
  explicit Progress(std::uint64_t totalBytes);
  ~Progress();
  void add(std::uint64_t bytes);

 private:
  using Clock = std::chrono::steady_clock;
  std::uint64_t total_;
  std::uint64_t done_ = 0;
  Clock::time_point start_ = Clock::now();
  Clock::time_point shown_ = start_;
  bool isTerminal_;
  bool visible_ = false;
};

}  // namespace h5cap::cli
