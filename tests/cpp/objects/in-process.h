// A server and a client of it in one process, on one thread, with a pipe between them and real planners behind.
#pragma once

#include <capnp/rpc-twoparty.h>
#include <capnp/rpc.capnp.h>
#include <kj/async-io.h>

#include <memory>
#include <string>

#include "core/wire.h"
#include "server/objects/service.h"

namespace h5cap {

// Hands bytes on and counts flights: how often calls were sent after something had been received.
class CountingStream final : public kj::AsyncIoStream {
 public:
  CountingStream(kj::Own<kj::AsyncIoStream> inner, kj::Timer& timer) : inner_(kj::mv(inner)), timer_(timer) {}

  unsigned flights = 0;
  kj::Duration delay = 0 * kj::SECONDS;  // of whatever arrives

  kj::Promise<std::size_t> tryRead(void* buffer, std::size_t minBytes, std::size_t maxBytes) override {
    return inner_->tryRead(buffer, minBytes, maxBytes).then([this](std::size_t count) {
      auto arrived = delay == 0 * kj::SECONDS ? kj::Promise<void>(kj::READY_NOW) : timer_.afterDelay(delay);
      return arrived.then([this, count] {
        answered_ = true;
        return count;
      });
    });
  }
  kj::Promise<void> write(const void* buffer, std::size_t size) override {
    return inner_->write(buffer, size);
  }
  kj::Promise<void> write(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces) override {
    // A message is its table and its segments; the first one begins with a pointer to the root, whose first data is the
    // number of the union's member (rpc.capnp).
    const auto kind = pieces[1][sizeof(capnp::word)];
    if ((kind == capnp::rpc::Message::CALL || kind == capnp::rpc::Message::BOOTSTRAP) && answered_) {
      ++flights;
      answered_ = false;
    }
    return inner_->write(pieces);
  }
  kj::Promise<void> whenWriteDisconnected() override { return inner_->whenWriteDisconnected(); }
  void shutdownWrite() override { inner_->shutdownWrite(); }
  void abortRead() override { inner_->abortRead(); }

 private:
  kj::Own<kj::AsyncIoStream> inner_;
  kj::Timer& timer_;
  bool answered_ = true;
};

// Runs make_files.py.
void makeFiles(const std::string& arguments);

// A folder below /tmp with the files of make_files.py, gone with the object.
class SampleFolder {
 public:
  SampleFolder();
  ~SampleFolder();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Hands calls on and counts files.
class CountingOpener final : public Opener {
 public:
  explicit CountingOpener(kj::Own<Opener> inner) : inner_(kj::mv(inner)) {}

  unsigned opens = 0;

  kj::Promise<kj::Own<Opened>> open(kj::Own<const Principal> principal, std::string path, rpc::Access access) override {
    ++opens;
    return inner_->open(kj::mv(principal), kj::mv(path), access);
  }
  kj::Promise<FolderPage> list(kj::Own<const Principal> principal, std::string path, WantedPage wanted) override {
    return inner_->list(kj::mv(principal), kj::mv(path), kj::mv(wanted));
  }
  kj::Promise<Grant> openDirectory(kj::Own<const Principal> principal, std::string path) override {
    return inner_->openDirectory(kj::mv(principal), kj::mv(path));
  }
  Places candidates(const std::string& from, const std::string& name) const override {
    return inner_->candidates(from, name);
  }
  Places rawCandidates(const std::string& from, const std::string& name) const override {
    return inner_->rawCandidates(from, name);
  }

 private:
  kj::Own<Opener> inner_;
};

class TestServer {
 public:
  explicit TestServer(ObjectLimits limits = {}, std::shared_ptr<const Authoriser> authoriser = makeOwnUserAuthoriser());

  kj::AsyncIoContext io;
  SampleFolder folder;
  Lanes lanes{{.threads = 2}};
  kj::Own<CountingOpener> opener;
  kj::Own<PlannerPool> planners;
  SharedCache memory{64 << 20};
  ChunkCache chunks{memory};
  Executor executor;  // ends before what its threads use
  ServerContext context;
};

// One connection.
class TestClient {
 public:
  explicit TestClient(TestServer& server);

  rpc::Service::Client service();
  rpc::Directory::Client root();
  rpc::File::Client file(const char* path = "data/a.h5");
  rpc::Dataset::Client dataset(const char* path, const char* filePath = "data/a.h5");

  unsigned flights() const { return stream_->flights; }
  void delayAnswers(kj::Duration delay) { stream_->delay = delay; }
  TestServer& server;
  kj::Own<ConnectionState> state;
  kj::Own<Caller> caller;

 private:
  TestClient(TestServer& server, kj::TwoWayPipe pipe);

  kj::Own<CountingStream> stream_;
  kj::Own<kj::AsyncIoStream> far_;
  capnp::TwoPartyVatNetwork serverNetwork_;
  capnp::RpcSystem<capnp::rpc::twoparty::VatId> serverRpc_;
  capnp::TwoPartyClient client_;
};

// The error that a promise ends with; code `failed` and an empty text when it does not.
template <class T>
ErrorText errorFrom(kj::Promise<T> promise, kj::WaitScope& waitScope) {
  ErrorText error{ErrorCode::failed, ""};
  promise.ignoreResult()
      .catch_([&error](kj::Exception&& problem) {
        try {
          wire::rethrow(problem);
        } catch (const Error& typed) {
          error = {typed.code(), typed.what()};
        }
      })
      .wait(waitScope);
  return error;
}

}  // namespace h5cap
