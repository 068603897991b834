// Who may open what: one object decides, and what it decided is kept by whatever was opened.
#pragma once

#include <h5cap/types.capnp.h>
#include <kj/async.h>
#include <kj/time.h>
#include <kj/timer.h>
#include <kj/vector.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "server/base/principal.h"

namespace h5cap {

// That what was granted may be taken back.  Safe from all threads, but for `whenRevoked`.
class Revocation {
 public:
  bool isRevoked() const { return isRevoked_; }
  void revoke();

  // Resolves once it has been revoked.  For an event loop's thread.
  kj::Promise<void> whenRevoked() const;

 private:
  std::atomic<bool> isRevoked_{false};
  mutable kj::MutexGuarded<kj::Vector<kj::Own<kj::CrossThreadPromiseFulfiller<void>>>> waiting_;
};

// What an Authoriser decided about one path.  A value: copies are revoked together.
class Grant {
 public:
  using TimePoint = std::chrono::system_clock::time_point;

  // `until`: nothing for a grant that does not end by itself.  `revocation`: null for one that nobody takes back.
  Grant(rpc::Access rights, std::string path, std::optional<TimePoint> until,
        std::shared_ptr<const Revocation> revocation)
      : rights_(rights), path_(std::move(path)), until_(until), revocation_(std::move(revocation)) {}

  rpc::Access rights() const { return rights_; }
  const std::string& path() const { return path_; }  // in the exports: of what it is for
  std::optional<TimePoint> until() const { return until_; }

  // Whether it may end or be revoked.
  bool isTemporary() const { return until_ || revocation_ != nullptr; }

  // Whether it still holds, and goes as far as `access`.
  bool covers(rpc::Access access) const;

  // The same with fewer rights; never with more.
  Grant narrowedTo(rpc::Access access) const;

  // Resolves when it ends or is revoked; never for one that does neither.
  kj::Promise<void> whenEnded(kj::Timer& timer) const;

  // `work`, which is dropped, and Denied, when the grant ends before it.  `what` it is for, for the message.
  template <class T>
  kj::Promise<T> during(kj::Timer& timer, std::string what, kj::Promise<T> work) const {
    if (!isTemporary()) return work;
    return work.exclusiveJoin(endOf(timer, std::move(what)).then([]() -> T { KJ_UNREACHABLE; }));
  }

 private:
  kj::Promise<void> endOf(kj::Timer& timer, std::string what) const;  // fails

  rpc::Access rights_;
  std::string path_;
  std::optional<TimePoint> until_;
  std::shared_ptr<const Revocation> revocation_;
};

// What an Authoriser is asked.
struct AccessQuestion {
  const Principal& principal;
  const std::string& requestedPath;             // in the exports: "raw/run42/scan.nxs"
  const std::optional<std::string>& finalPath;  // after symbolic links; nothing before the file system has been asked
  rpc::Access access;                           // the least that is wanted
};

// Asked for the requested path before the file system is, and again once the final path is known, before a byte is
// read.  Safe from all threads.
class Authoriser {
 public:
  virtual ~Authoriser() noexcept(false) = default;

  // Throws Denied, with the same text whether or not the thing exists.
  virtual Grant authorise(const AccessQuestion& question) const = 0;
};

// The rules so far: the server's own user on the Unix socket and on standard streams, and anyone on insecure TCP, may
// list and read everything.
std::unique_ptr<Authoriser> makeOwnUserAuthoriser();

}  // namespace h5cap
