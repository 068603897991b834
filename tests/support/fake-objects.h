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

// On the wire, with the lies that there are.
void writeNode(World& world, const std::string& path, rpc::NodeInfo::Builder builder);
void writeFile(World& world, rpc::FileInfo::Builder builder);

rpc::File::Client fakeFile(World& world);

}  // namespace h5cap::test
