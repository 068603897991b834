// Files that are not what they claim: every one gets an answer or, at worst, a dead planner, and never a hang.
#include <doctest/doctest.h>

#include <random>
#include <stdexcept>

#include "core/wire.h"
#include "tests/cpp/planner/planner-process.h"
#include "tests/cpp/planner/sample-file.h"

using namespace h5cap;
using namespace h5cap::test;

namespace {

std::string makeSample(const std::string& name) {
  SampleFile file(name, Format::earliest);
  file.numbers("a/b/data", {1, 2, 3, 4});
  file.soft("a/soft", "b/data");
  hid_t list = H5Pcreate(H5P_DATASET_CREATE);
  hsize_t chunk[] = {4};
  H5Pset_chunk(list, 1, chunk);
  H5Pset_deflate(list, 1);
  hid_t dataset = file.dataset("a/chunked", H5T_STD_I32LE, {40}, {}, list);
  std::vector<std::int32_t> values(40, 3);
  H5Dwrite(dataset, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
  H5Dclose(dataset);
  file.attribute("a", "units", H5T_NATIVE_INT32, {4}, values.data());
  file.close();
  return slurp(file.path());
}

std::string openError(const std::string& bytes) {
  std::string path = samplePath("damaged.h5");
  spit(path, bytes);
  PlannerProcess planner(path);
  return errorOf(planner.ask([](auto request) { request.setOpen(); }));
}

enum class Ending { answered, refused, died };

// Opens, walks, and reads every dataset's chunks and elements.
Ending exercise(const std::string& path) {
  PlannerProcess planner(path);
  try {
    auto opened = planner.ask([](auto request) { request.setOpen(); });
    if (opened.isError()) return Ending::refused;
    auto reply = planner.ask([](auto request) {
      auto snapshot = request.initSnapshot();
      snapshot.setMaxBytes(1 << 20);
      snapshot.setMaxMs(2000);
    });
    std::vector<NodeInfo> nodes;
    if (reply.isSnapshot()) {
      for (auto node : reply.getSnapshot().getNodes()) nodes.push_back(wire::read(node));
    }
    for (const NodeInfo& node : nodes) {
      if (!node.dataset || node.dataset->space.shape.size() != 1) continue;
      planner.ask([&](auto request) { request.setStorage(node.id); });
      planner.ask([&](auto request) {
        auto chunks = request.initChunks();
        chunks.setDataset(node.id);
        chunks.setFirst({0});
        chunks.setCount({1});
      });
      planner.ask([&](auto request) {
        auto elements = request.initElements();
        elements.setSource(node.id);
        wire::writeRegion(Region{{RegionAxis{0, 1, 4, {}, false}}}, elements.initRegion(1));
      });
    }
  } catch (const std::runtime_error&) {
    return Ending::died;
  }
  return Ending::answered;
}

}  // namespace

TEST_CASE("what is no HDF5 file, truncated or too new says so") {
  std::string sample = makeSample("sample.h5");
  CHECK(openError(sample) == "");
  CHECK(openError("") == "fileProblem: not an HDF5 file");
  CHECK(openError(std::string(5000, 'x')) == "fileProblem: not an HDF5 file");
  CHECK(openError(sample.substr(0, sample.size() - 500)).find("fileProblem: the file is truncated") == 0);
  CHECK(openError(sample.substr(0, 20)).find("fileProblem: ") == 0);
  std::string tooNew = sample;
  tooNew[8] = 9;  // version of the superblock
  const std::string version = std::to_string(H5_VERS_MAJOR) + "." + std::to_string(H5_VERS_MINOR) + "." +
                              std::to_string(H5_VERS_RELEASE) + " (";
  CHECK(openError(tooNew).find("newer HDF5 than this server's libhdf5 " + version) != std::string::npos);
}

TEST_CASE("questions before opening, and about what does not exist, are errors and not the end") {
  makeSample("alive.h5");
  PlannerProcess planner(samplePath("alive.h5"));
  CHECK(errorOf(planner.ask([](auto request) { request.setDescribe(96); })).find("failed") == 0);
  planner.open();
  for (std::uint64_t id : {std::uint64_t{1}, std::uint64_t{0}, ~std::uint64_t{0}, std::uint64_t{1} << 40}) {
    CHECK(planner.describe(id).problem.has_value());
    CHECK(errorOf(planner.ask([&](auto request) { request.setStorage(id); })).find("fileProblem") == 0);
  }
  CHECK(errorOf(planner.ask([&](auto request) { request.setStorage(planner.id("a")); })).find("badType") == 0);
  CHECK(planner.node("a/b/data").dataset.has_value());
  CHECK(planner.end());
}

TEST_CASE("an object that cannot be described leaves the rest of the file readable") {
  std::string bytes = makeSample("partly.h5");
  ObjectId broken;
  {
    PlannerProcess planner(samplePath("partly.h5"));
    planner.open();
    broken = planner.id("a/b/data");
  }
  bytes[broken] = 77;  // version of the object header
  spit(samplePath("partly.h5"), bytes);
  PlannerProcess planner(samplePath("partly.h5"));
  planner.open();
  CHECK(planner.node("a/b/data").problem.has_value());
  CHECK(planner.node("a/chunked").dataset.has_value());
}

TEST_CASE("random damage ends in an answer or a dead planner") {
  std::string sample = makeSample("mutated.h5");
  std::mt19937 random(20240607);
  int answered = 0, refused = 0, died = 0;
  for (int i = 0; i < 300; ++i) {
    std::string bytes = sample;
    for (int j = 0; j < 8; ++j) bytes[random() % bytes.size()] = static_cast<char>(random());
    spit(samplePath("mutated.h5"), bytes);
    switch (exercise(samplePath("mutated.h5"))) {
      case Ending::answered:
        ++answered;
        break;
      case Ending::refused:
        ++refused;
        break;
      case Ending::died:
        ++died;
        break;
    }
  }
  MESSAGE("answered " << answered << ", refused " << refused << ", died " << died);
  CHECK(answered > 0);
  CHECK(refused + died + answered == 300);
  makeSample("after.h5");
  CHECK(exercise(samplePath("after.h5")) == Ending::answered);  // the zygote took no harm
}
