// The objects of a FakeServer: its file, and what is in it.
#pragma once

#include <h5cap/objects.capnp.h>
#include <kj/timer.h>

#include <string>

#include "tests/support/fake-server.h"

namespace h5cap::test {

struct World {
  FakeServer& server;
  kj::Timer& timer;
};

FileInfo fileInfo(const FakeServer& server);

// Throws NotFound.
NodeInfo infoOf(const FakeServer& server, const std::string& path);

rpc::File::Client fakeFile(World& world);

}  // namespace h5cap::test
