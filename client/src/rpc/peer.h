// What one connection consists of on the loop's thread.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <memory>
#include <string>
#include <unordered_map>

#include <capnp/rpc-twoparty.h>
#include <h5cap/service.capnp.h>
#include <kj/async-io.h>

#include "client/src/rpc/call.h"
#include "client/src/rpc/loop.h"
#include "client/src/rpc/message-stream.h"
#include "client/src/rpc/transport.h"

namespace h5cap::detail {

// What any thread may look at.
struct ChannelStatus {
  Counters counters;
  std::atomic<bool> dead{false};
  std::atomic<bool> hasWorked{false};  // something was answered
};

struct Peer final : private kj::TaskSet::ErrorHandler {
  Peer(Loop& loop, const Endpoint& endpoint, Socket socket, std::shared_ptr<ChannelStatus> status);
  ~Peer() noexcept(false);

  // Sends bootstrap and login; the capabilities below are pipelined.
  void login();

  // Runs `promise` as `call`; translates what goes wrong.
  void track(const SharedCall& call, kj::Promise<void> promise);
  std::exception_ptr translate(const kj::Exception& problem);

  // Ends the connection: every call under way and every later one fails with `why`.
  void end(const std::string& why);

  // Resolves when ssh has said all it had to say about why it ended, soon in any case.
  kj::Promise<void> lastWords();

  Loop& loop;
  const Endpoint endpoint;
  std::shared_ptr<ChannelStatus> status;
  std::string endedBecause;   // empty while it lives
  std::string errorOutput;    // of ssh
  pid_t child = -1;

  kj::Own<kj::AsyncIoStream> stream;
  kj::Own<CheckedMessageStream> messages;
  kj::Own<capnp::TwoPartyVatNetwork> network;
  kj::Own<capnp::RpcSystem<capnp::rpc::twoparty::VatId>> system;
  rpc::Service::Client service = nullptr;
  rpc::Session::Client session = nullptr;
  rpc::Directory::Client root = nullptr;

  std::unordered_map<std::uint64_t, kj::Own<kj::Canceler>> cancelers;
  kj::ForkedPromise<void> errorOutputEnded = nullptr;
  kj::TaskSet tasks;

 private:
  void taskFailed(kj::Exception&& problem) override;
  void collectErrorOutput(int fd);
  kj::Promise<void> watch();
  kj::Promise<void> readErrorOutput(kj::Own<kj::AsyncInputStream> stream);

  char errorBuffer_[512];
  std::uint64_t receivedBefore_ = 0;  // at the last look of `watch`
  unsigned silentLooks_ = 0;
};

}  // namespace h5cap::detail
