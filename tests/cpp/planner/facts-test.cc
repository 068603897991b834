// What the planner's code takes for granted of libhdf5, asked of the library that it is built with, whichever that is:
// docs/decisions/0011 lists the facts by version.  Not covered: files that are being written (tests/faults), what a
// sandbox lets through (sandbox-test).
#include <doctest/doctest.h>

#include <cstring>
#include <numeric>

#include "tests/cpp/planner/planner-process.h"
#include "tests/cpp/planner/sample-file.h"

using namespace h5cap::test;

namespace {

struct Said {
  std::string function, reason;
};

herr_t takeInnermost(unsigned position, const H5E_error2_t* entry, void* found) {
  if (position == 0) *static_cast<Said*>(found) = {entry->func_name, entry->desc};
  return 0;
}

Said innermost() {
  Said said;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, takeInnermost, &said);
  return said;
}

// Errors are looked at and not printed.
struct Quiet {
  H5E_auto2_t print = nullptr;
  void* data = nullptr;
  Quiet() {
    H5Eget_auto2(H5E_DEFAULT, &print, &data);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }
  ~Quiet() { H5Eset_auto2(H5E_DEFAULT, print, data); }
};

hid_t chunkedBy(hsize_t size) {
  hid_t list = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(list, 1, &size);
  return list;
}

std::string numbersFile(const char* name, Format format) {
  SampleFile file(name, format);
  file.numbers("/x", {1, 2, 3});
  return file.path();
}

hid_t openStock(const std::string& path, unsigned flags = H5F_ACC_RDONLY) {
  return H5Fopen(path.c_str(), flags, H5P_DEFAULT);
}

std::vector<std::int32_t> readAll(hid_t dataset, std::size_t count, herr_t& status) {
  std::vector<std::int32_t> values(count);
  status = H5Dread(dataset, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
  return values;
}

// A virtual dataset of four elements over `source` of `file`, with -1 where nothing is.
std::string virtualOver(const char* name, const char* file, const char* source) {
  SampleFile made(name);
  const hsize_t four = 4;
  const std::int32_t fill = -1;
  hid_t list = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(1, &four, nullptr);
  H5Pset_fill_value(list, H5T_NATIVE_INT32, &fill);
  REQUIRE(H5Pset_virtual(list, space, file, source, space) >= 0);
  H5Dclose(made.dataset("/v", H5T_STD_I32LE, {4}, {}, list));
  H5Sclose(space);
  return made.path();
}

}  // namespace

TEST_CASE("marks that a writer left behind stop the library's own driver, and not one that has no lock") {
  std::string path = numbersFile("marked.h5", Format::latest);
  std::string bytes = slurp(path);
  REQUIRE(bytes[8] >= 3);  // a superblock that has such marks
  hid_t writer = openStock(path, H5F_ACC_RDWR);
  H5Fflush(writer, H5F_SCOPE_GLOBAL);
  spit(samplePath("killed.h5"), slurp(path));
  H5Fclose(writer);
  Quiet quiet;
  CHECK(openStock(samplePath("killed.h5")) < 0);
  PlannerProcess planner(samplePath("killed.h5"));
  planner.open();
  CHECK(planner.node("/x").kind == h5cap::NodeKind::dataset);
}

TEST_CASE("a chunk that is missing and an index that is damaged fail in different functions") {
  for (Format format : {Format::earliest, Format::v110, Format::latest}) {
    CAPTURE(static_cast<int>(format));
    SampleFile file("missing.h5", format);
    hid_t never = file.dataset("/never", H5T_STD_I32LE, {100}, {H5S_UNLIMITED}, chunkedBy(10));
    hid_t sparse = file.dataset("/sparse", H5T_STD_I32LE, {100}, {H5S_UNLIMITED}, chunkedBy(10));
    const std::vector<std::int32_t> chunk(10, 7);
    const hsize_t at = 50;
    REQUIRE(H5Dwrite_chunk(sparse, H5P_DEFAULT, 0, &at, chunk.size() * 4, chunk.data()) >= 0);
    H5Fflush(file.id(), H5F_SCOPE_GLOBAL);
    Quiet quiet;
    std::uint32_t mask = 0;
    std::int32_t into[10];
    for (hid_t dataset : {never, sparse}) {
      const hsize_t absent = 20;
      CHECK(H5Dread_chunk(dataset, H5P_DEFAULT, &absent, &mask, into) < 0);
      CHECK(innermost().function == "H5D__chunk_direct_read");
      const std::string reason = innermost().reason;
      const bool isKnown = reason.find("chunk address isn't defined") != std::string::npos ||
                           reason.find("storage is not initialized") != std::string::npos;
      CHECK_MESSAGE(isKnown, reason);
    }
    CHECK(H5Dread_chunk(sparse, H5P_DEFAULT, &at, &mask, into) >= 0);
    CHECK(into[9] == 7);
    H5Dclose(never);
    H5Dclose(sparse);
    file.close();

    std::string bytes = slurp(file.path());
    const char* signature = format == Format::earliest ? "TREE" : "EAHD";  // of the index
    const auto place = bytes.rfind(signature);
    REQUIRE(place != std::string::npos);
    bytes[place] = '?';
    spit(samplePath("damaged.h5"), bytes);
    hid_t damaged = openStock(samplePath("damaged.h5"));
    hid_t dataset = H5Dopen2(damaged, "/sparse", H5P_DEFAULT);
    REQUIRE(dataset >= 0);
    CHECK(H5Dread_chunk(dataset, H5P_DEFAULT, &at, &mask, into) < 0);
    CHECK(innermost().function != "H5D__chunk_direct_read");
    H5Dclose(dataset);
    H5Fclose(damaged);
  }
}

TEST_CASE("partial chunks that are not filtered have the mask of those that are") {
  SampleFile file("partial.h5");
  hid_t list = chunkedBy(8);
  H5Pset_deflate(list, 6);
  REQUIRE(H5Pset_chunk_opts(list, H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS) >= 0);
  hid_t dataset = file.dataset("/x", H5T_STD_I32LE, {12}, {}, list);
  std::vector<std::int32_t> values(12);
  std::iota(values.begin(), values.end(), 0);
  REQUIRE(H5Dwrite(dataset, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) >= 0);
  H5Fflush(file.id(), H5F_SCOPE_GLOBAL);
  std::uint32_t mask = ~0u;
  std::int32_t stored[8] = {};
  const hsize_t partial = 8;
  REQUIRE(H5Dread_chunk(dataset, H5P_DEFAULT, &partial, &mask, stored) >= 0);
  CHECK(mask == 0);
  CHECK(std::memcmp(stored, values.data() + 8, 4 * sizeof(std::int32_t)) == 0);
  H5Dclose(dataset);
}

TEST_CASE("an external raw file shows by its count, and its dataset looks contiguous and written") {
  SampleFile file("raw.h5");
  hid_t list = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_external(list, samplePath("raw.bin").c_str(), 0, 40);
  hid_t dataset = file.dataset("/x", H5T_STD_I32LE, {10}, {}, list);
  hid_t found = H5Dget_create_plist(dataset);
  CHECK(H5Pget_layout(found) == H5D_CONTIGUOUS);
  CHECK(H5Dget_offset(dataset) == HADDR_UNDEF);
  CHECK(H5Dget_storage_size(dataset) > 0);
  CHECK(H5Pget_external_count(found) == 1);
  H5Pclose(found);
  H5Dclose(dataset);
}

TEST_CASE("the library answers fill values, as if it had succeeded, where a virtual dataset's source is absent") {
  numbersFile("there.h5", Format::v110);
  Quiet quiet;
  // In 2.0.0 the second fails; neither 1.10 nor 2.2.
  for (const auto& path : {virtualOver("absent.h5", "nowhere.h5", "/x"),
                           virtualOver("half-absent.h5", samplePath("there.h5").c_str(), "/nothing")}) {
    hid_t file = openStock(path);
    hid_t dataset = H5Dopen2(file, "/v", H5P_DEFAULT);
    herr_t status = -1;
    CHECK(readAll(dataset, 4, status) == std::vector<std::int32_t>(4, -1));
    CHECK(status >= 0);
    H5Dclose(dataset);
    H5Fclose(file);
  }
}

TEST_CASE("a mapping of a whole source comes back without its rank") {
  hid_t file = openStock(virtualOver("whole.h5", "nowhere.h5", "/x"));
  hid_t dataset = H5Dopen2(file, "/v", H5P_DEFAULT), list = H5Dget_create_plist(dataset);
  hid_t source = H5Pget_virtual_srcspace(list, 0);
  CHECK(H5Sget_select_type(source) == H5S_SEL_ALL);
  H5Sclose(source);
  H5Pclose(list);
  H5Dclose(dataset);
  H5Fclose(file);
}

TEST_CASE("a type asks for the room that it needs when it is encoded, and keeps what it was given") {
  std::size_t needed = 0;
  REQUIRE(H5Tencode(H5T_NATIVE_INT32, nullptr, &needed) >= 0);
  CHECK(needed > 0);
  std::vector<char> room(needed + 100);
  std::size_t size = room.size();
  REQUIRE(H5Tencode(H5T_NATIVE_INT32, room.data(), &size) >= 0);
  CHECK(size == room.size());  // so ask for the size first
}

TEST_CASE("a class of links that is registered again is followed by us, and its values are read") {
  SampleFile file("links.h5");
  file.external("/out", "elsewhere.h5", "/there");
  file.close();
  PlannerProcess planner(file.path());
  const auto root = planner.open();
  CHECK(planner.resolve(root, "/out").isExternal());
}

TEST_CASE("no filter is looked for in folders once that is forbidden") {
  Quiet quiet;
  unsigned before = 0;
  REQUIRE(H5PLget_loading_state(&before) >= 0);
  REQUIRE(H5PLset_loading_state(0) >= 0);
  unsigned now = 1;
  REQUIRE(H5PLget_loading_state(&now) >= 0);
  CHECK(now == 0);
  CHECK(H5Zfilter_avail(32999) <= 0);
  H5PLset_loading_state(before);
}
