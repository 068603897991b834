// Covers what files name that may not be opened, by every road: links, virtual datasets, raw files, and one behind the
// other.  Does not cover permissions (tests/faults/test_outside.py).
#include <doctest/doctest.h>

#include <string>

#include "tests/cpp/objects/in-process.h"

using namespace h5cap;

namespace {

class Roads {
 public:
  Roads() : client_(server_) { makeFiles("outside " + server_.folder.path()); }

  // What becomes of the dataset's one axis: an error's code, or "fill", or "elements".
  std::string outcome(const std::string& dataset) {
    auto request = client_.dataset(dataset.c_str(), "data/names.h5").readRequest();
    wire::write(Selection{}, request.initSelection());
    std::string found;
    auto reading = request.send().then([&found](capnp::Response<rpc::ReadReply> reply) {
      found = reply.getMissingSources().size() > 0 ? "fill" : "elements";
      return true;
    });
    error_ = errorFrom(kj::mv(reading), server_.io.waitScope);
    return found.empty() ? std::string(name(error_.code)) : found;
  }

  // What asking for the absent sources gives.
  std::string missing(const std::string& dataset) {
    auto asking = client_.dataset(dataset.c_str(), "data/names.h5").missingSourcesRequest().send();
    std::string found;
    auto listing = asking.then([&found](auto reply) {
      found = "listed:";
      for (auto one : reply.getNames()) found += " " + std::string(one.cStr());
      return true;
    });
    error_ = errorFrom(kj::mv(listing), server_.io.waitScope);
    return found.empty() ? std::string(name(error_.code)) : found;
  }

  const std::string& message() const { return error_.message; }

 private:
  TestServer server_;
  TestClient client_;
  ErrorText error_;
};

}  // namespace

TEST_CASE("what lies outside was called absent, and read as fill") {
  Roads roads;
  for (std::string name : {"beside", "absolute", "nowhere", "symlink", "loop"}) {
    for (std::string kind : {"link-", "soft-", "virtual-", "through-", "twice-", "raw-"}) {
      CAPTURE(kind + name);
      CHECK(roads.outcome(kind + name) == "denied");
      if (kind == "virtual-" || kind == "through-") CHECK(roads.missing(kind + name) == "denied");
    }
  }
  for (std::string kind : {"link-", "virtual-"}) {
    roads.outcome(kind + "nowhere");
    CHECK(roads.message() == "data/names.h5: the file '/nowhere/secret.h5' that it names is outside of what is served");
  }
  roads.outcome("raw-nowhere");
  CHECK(roads.message() ==
        "data/names.h5: /raw-nowhere: its raw file '/nowhere/secret.h5' is outside of what is served");
}

TEST_CASE("what is absent where the server may look is absent, and what fails there fails") {
  Roads roads;
  CHECK(roads.outcome("link-gone") == "notFound");
  CHECK(roads.outcome("soft-gone") == "notFound");
  CHECK(roads.outcome("raw-gone") == "fileProblem");
  for (std::string kind : {"virtual-", "through-", "twice-"}) CHECK(roads.outcome(kind + "gone") == "fill");
  CHECK(roads.missing("virtual-gone") == "listed: gone.h5");
  CHECK(roads.missing("through-gone") == "listed: names.h5: /link-gone");
  for (std::string kind : {"link-", "soft-", "virtual-", "through-", "twice-", "raw-"}) {
    CAPTURE(kind);
    CHECK(roads.outcome(kind + "folder") == "fileProblem");
    if (kind != "raw-") CHECK(roads.outcome(kind + "text") == "fileProblem");
    // HDF5 looks for the last component beside the file that names it; raw files are not searched for.
    CHECK(roads.outcome(kind + "here") == (kind == "raw-" ? "denied" : "elements"));
  }
}
