// Paths: hard, soft, external and user-defined links, cycles, what is missing; and listing links by pages.
#include <doctest/doctest.h>

#include <algorithm>

#include "core/wire.h"
#include "tests/cpp/planner/planner-process.h"
#include "tests/cpp/planner/sample-file.h"

using namespace h5cap;
using namespace h5cap::test;

namespace {

void makeLinks(SampleFile& file) {
  file.numbers("a/b/data", {1, 2, 3});
  file.soft("a/near", "b/data");
  file.soft("far", "/a/near");
  file.soft("dangling", "a/nothing/here");
  file.soft("loop", "loop");
  file.soft("ping", "pong");
  file.soft("pong", "ping");
  file.external("out", "other.h5", "/entry");
  file.soft("a/through", "/out/detector");
  file.hard("a/b/top", "/");
  file.soft("a/b/..", "data");  // a name like any other
}

// "node", "missing X", "external F P R", "link"; the id of a node is checked apart.
std::string outcome(rpc::Resolution::Reader resolution) {
  if (resolution.isMissing()) return std::string("missing ") + resolution.getMissing().cStr();
  if (resolution.isLink()) return "link";
  if (resolution.isNode()) return "node";
  auto external = resolution.getExternal();
  return std::string("external ") + external.getFile().cStr() + " " + external.getPath().cStr() + " " +
         external.getRest().cStr();
}

}  // namespace

TEST_CASE("paths are walked component by component") {
  SampleFile file("links.h5");
  makeLinks(file);
  file.close();
  PlannerProcess planner(file.path());
  ObjectId root = planner.open();
  ObjectId data = planner.id("/a/b/data");

  struct Good {
    const char* path;
    const char* outcome;
  };
  for (const Good& good : {Good{"a/b/data", "node"}, Good{"//a/./b//data/", "node"}, Good{"a/near", "node"},
                           Good{"far", "node"}, Good{"a/b/top/a/b/top/far", "node"}, Good{"a/b/..", "node"}}) {
    CAPTURE(good.path);
    auto resolution = planner.resolve(root, good.path);
    REQUIRE(outcome(resolution) == good.outcome);
    CHECK(wire::read(resolution.getNode()).id == data);
  }
  for (const Good& other :
       {Good{"dangling", "missing nothing"}, Good{"x", "missing x"}, Good{"..", "missing .."},
        Good{"a/b/data/x", "missing x"}, Good{"out", "external other.h5 /entry "},
        Good{"out/x/y", "external other.h5 /entry x/y"}, Good{"a/through/z", "external other.h5 /entry detector/z"}}) {
    CAPTURE(other.path);
    CHECK(outcome(planner.resolve(root, other.path)) == other.outcome);
  }
  CHECK(wire::read(planner.resolve(root, "/").getNode()).id == root);
  CHECK(wire::read(planner.resolve(planner.id("a"), "near").getNode()).id == data);
  CHECK(wire::read(planner.resolve(planner.id("a"), "/far").getNode()).id == data);
}

TEST_CASE("links that lead in circles end with an error") {
  SampleFile file("circles.h5");
  makeLinks(file);
  file.close();
  PlannerProcess planner(file.path());
  ObjectId root = planner.open();
  for (const char* path : {"loop", "ping", "pong/x"}) {
    auto reply = planner.ask([&](auto request) {
      auto resolve = request.initResolve();
      resolve.setBase(root);
      resolve.setPath(path);
      resolve.setFollowLast(rpc::Follow::YES);
    });
    CAPTURE(path);
    CHECK(errorOf(reply).find("failed: too many links") == 0);
  }
}

TEST_CASE("chains of 40 soft links were followed where libhdf5 stops after 16 links") {
  SampleFile file("chain.h5");
  file.numbers("data", {1});
  for (int i = 0; i < 17; ++i) {
    std::string next = i == 0 ? "/data" : "/chain" + std::to_string(i - 1);
    file.soft("chain" + std::to_string(i), next);
  }
  file.soft("here", "/");
  file.external("out", "other.h5", "/entry");
  file.close();
  PlannerProcess planner(file.path());
  ObjectId root = planner.open();
  auto resolve = [&](const std::string& path) {
    return planner.ask([&](auto request) {
      auto resolve = request.initResolve();
      resolve.setBase(root);
      resolve.setPath(path);
      resolve.setFollowLast(rpc::Follow::YES);
    });
  };
  CHECK(resolve("chain15").getResolved().isNode());
  CHECK(errorOf(resolve("chain16")).find("failed: too many links") == 0);
  // Every link on the way counts, whether they are in a row or beside each other; an external one too.
  std::string here;
  for (int i = 0; i < 15; ++i) here += "here/";
  CHECK(resolve(here + "here/data").getResolved().isNode());
  CHECK(errorOf(resolve(here + "here/here/data")).find("failed: too many links") == 0);
  CHECK(resolve(here + "out").getResolved().getExternal().getLinksLeft() == 0);
  CHECK(errorOf(resolve(here + "here/out")).find("failed: too many links") == 0);
}

TEST_CASE("the last link is given instead of followed, when asked for") {
  SampleFile file("last.h5");
  makeLinks(file);
  file.close();
  PlannerProcess planner(file.path());
  ObjectId root = planner.open();
  auto link = [&](const char* path) {
    auto resolution = planner.resolve(root, path, rpc::Follow::NO);
    REQUIRE(resolution.isLink());
    return wire::read(resolution.getLink());
  };
  CHECK(std::get<SoftLink>(link("dangling").target).path == "a/nothing/here");
  CHECK(std::get<SoftLink>(link("loop").target).path == "loop");
  CHECK(std::get<ExternalLink>(link("out").target).file == "other.h5");
  CHECK(std::get<ExternalLink>(link("out").target).path == "/entry");
  CHECK(std::get<HardLink>(link("a/b/top").target).target == root);
  CHECK(outcome(planner.resolve(root, "nothing", rpc::Follow::NO)) == "missing nothing");
  CHECK(outcome(planner.resolve(root, "a/through/x", rpc::Follow::NO)) == "external other.h5 /entry detector/x");
}

TEST_CASE("a large group is listed in pages that together hold every name once, in order") {
  for (Format format : {Format::earliest, Format::v110}) {
    SampleFile file("many.h5", format);
    std::vector<std::string> expected;
    for (int i = 0; i < 2500; ++i) {
      expected.push_back("n" + std::to_string(i));
      file.soft(expected.back(), "/target" + std::to_string(i));
    }
    std::sort(expected.begin(), expected.end());
    file.close();
    PlannerProcess planner(file.path());
    ObjectId root = planner.open();
    CHECK_FALSE(planner.describe(root).linksComplete);
    CHECK(planner.describe(root).linkCount == 2500);
    std::vector<std::string> names;
    Bytes cursor;
    for (int page = 0; page < 10; ++page) {
      auto reply = planner.ask([&](auto request) {
        auto links = request.initLinks();
        links.setGroup(root);
        links.setCursor(wire::asData(cursor));
        links.setLimit(600);
      });
      REQUIRE_MESSAGE(reply.isLinks(), errorOf(reply));
      CHECK(reply.getLinks().getTotal() == 2500);
      for (auto reader : reply.getLinks().getPage()) {
        Link link = wire::read(reader);
        CHECK(std::get<SoftLink>(link.target).path == "/target" + link.name.substr(1));
        names.push_back(link.name);
      }
      cursor = wire::readBytes(reply.getLinks().getNext());
      if (cursor.empty()) break;
    }
    CHECK(names == expected);
  }
}
