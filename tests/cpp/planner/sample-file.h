// HDF5 files made by the tests, by libhdf5's own calls, in a folder of their own.
#pragma once

#include <hdf5.h>

#include <cstdint>
#include <string>
#include <vector>

namespace h5cap::test {

// A path in a temporary folder that goes with the tests' process.
std::string samplePath(const std::string& name);

std::string slurp(const std::string& path);
void spit(const std::string& path, const std::string& bytes);
std::string bytesAt(const std::string& path, std::uint64_t address, std::uint64_t size);

enum class Format { earliest, v110, latest };  // of the library's bounds

class SampleFile {
 public:
  explicit SampleFile(const std::string& name, Format format = Format::v110, std::uint64_t userBlock = 0);
  ~SampleFile() { close(); }
  SampleFile(const SampleFile&) = delete;
  SampleFile& operator=(const SampleFile&) = delete;

  const std::string& path() const { return path_; }
  hid_t id() const { return file_; }
  void close();

  void group(const std::string& path);
  void soft(const std::string& path, const std::string& target);
  void external(const std::string& path, const std::string& file, const std::string& target);
  void hard(const std::string& path, const std::string& target);

  // Closes `creationList`.  Creates the folders on the way.
  hid_t dataset(const std::string& path, hid_t type, std::vector<hsize_t> shape, std::vector<hsize_t> maxShape = {},
                hid_t creationList = H5P_DEFAULT);

  // A dataset of int32, closed.
  void numbers(const std::string& path, const std::vector<std::int32_t>& values);

  // An attribute of a closed-over object; values in memory are of `type` too.
  void attribute(const std::string& object, const std::string& name, hid_t type, std::vector<hsize_t> shape,
                 const void* values);

 private:
  std::string path_;
  hid_t file_;
};

hid_t variableString();  // caller closes

}  // namespace h5cap::test
