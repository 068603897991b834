#include "tests/cpp/planner/sample-file.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace h5cap::test {

namespace {

struct Folder {
  std::filesystem::path path;
  Folder() {
    std::string pattern = std::filesystem::temp_directory_path() / "h5cap-planner-XXXXXX";
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
};

hid_t intermediate() {
  hid_t list = H5Pcreate(H5P_LINK_CREATE);
  H5Pset_create_intermediate_group(list, 1);
  return list;
}

}  // namespace

std::string samplePath(const std::string& name) {
  static Folder folder;
  return folder.path / name;
}

std::string slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

void spit(const std::string& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

std::string bytesAt(const std::string& path, std::uint64_t address, std::uint64_t size) {
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(address));
  std::string bytes(size, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(size));
  REQUIRE(file.gcount() == static_cast<std::streamsize>(size));
  return bytes;
}

SampleFile::SampleFile(const std::string& name, Format format, std::uint64_t userBlock) : path_(samplePath(name)) {
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  const auto lowest = format == Format::earliest ? H5F_LIBVER_EARLIEST
                      : format == Format::v110   ? H5F_LIBVER_V110
                                                 : H5F_LIBVER_LATEST;
  H5Pset_libver_bounds(access, lowest, format == Format::latest ? H5F_LIBVER_LATEST : H5F_LIBVER_V110);
  hid_t creation = H5Pcreate(H5P_FILE_CREATE);
  H5Pset_userblock(creation, userBlock);
  file_ = H5Fcreate(path_.c_str(), H5F_ACC_TRUNC, creation, access);
  H5Pclose(creation);
  H5Pclose(access);
  REQUIRE(file_ >= 0);
}

void SampleFile::close() {
  if (file_ >= 0) H5Fclose(file_);
  file_ = -1;
}

void SampleFile::group(const std::string& path) {
  hid_t list = intermediate();
  hid_t group = H5Gcreate2(file_, path.c_str(), list, H5P_DEFAULT, H5P_DEFAULT);
  REQUIRE(group >= 0);
  H5Gclose(group);
  H5Pclose(list);
}

void SampleFile::soft(const std::string& path, const std::string& target) {
  REQUIRE(H5Lcreate_soft(target.c_str(), file_, path.c_str(), H5P_DEFAULT, H5P_DEFAULT) >= 0);
}

void SampleFile::external(const std::string& path, const std::string& file, const std::string& target) {
  REQUIRE(H5Lcreate_external(file.c_str(), target.c_str(), file_, path.c_str(), H5P_DEFAULT, H5P_DEFAULT) >= 0);
}

void SampleFile::hard(const std::string& path, const std::string& target) {
  REQUIRE(H5Lcreate_hard(file_, target.c_str(), file_, path.c_str(), H5P_DEFAULT, H5P_DEFAULT) >= 0);
}

hid_t SampleFile::dataset(const std::string& path, hid_t type, std::vector<hsize_t> shape,
                          std::vector<hsize_t> maxShape, hid_t creationList) {
  hid_t list = intermediate();
  hid_t space =
      H5Screate_simple(static_cast<int>(shape.size()), shape.data(), maxShape.empty() ? nullptr : maxShape.data());
  hid_t dataset = H5Dcreate2(file_, path.c_str(), type, space, list, creationList, H5P_DEFAULT);
  REQUIRE(dataset >= 0);
  H5Sclose(space);
  H5Pclose(list);
  if (creationList != H5P_DEFAULT) H5Pclose(creationList);
  return dataset;
}

void SampleFile::numbers(const std::string& path, const std::vector<std::int32_t>& values) {
  hid_t written = dataset(path, H5T_STD_I32LE, {values.size()});
  REQUIRE(H5Dwrite(written, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) >= 0);
  H5Dclose(written);
}

void SampleFile::attribute(const std::string& object, const std::string& name, hid_t type, std::vector<hsize_t> shape,
                           const void* values) {
  hid_t owner = H5Oopen(file_, object.c_str(), H5P_DEFAULT);
  hid_t space = H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
  hid_t attribute = H5Acreate2(owner, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT);
  REQUIRE(attribute >= 0);
  REQUIRE(H5Awrite(attribute, type, values) >= 0);
  H5Aclose(attribute);
  H5Sclose(space);
  H5Oclose(owner);
}

hid_t variableString() {
  hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE);
  return type;
}

}  // namespace h5cap::test
