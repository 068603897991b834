#include "tests/cpp/planner/planner-process.h"

#include <capnp/serialize.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <kj/io.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>

#include "core/wire.h"
#include "server/planner-pool/zygote-protocol.h"

namespace h5cap::test {

namespace {

void giveUpAfter(int descriptor, int seconds) {
  timeval limit{seconds, 0};
  setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

// Started once, and ended by its socket's end when the tests are over.
int zygote() {
  static const int channel = [] {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) throw std::runtime_error("socketpair");
    if (fork() == 0) {
      if (ends[1] == zygoteDescriptor) {
        fcntl(ends[1], F_SETFD, 0);
      } else {
        dup2(ends[1], zygoteDescriptor);
      }
      execl(H5CAP_PLANNER, H5CAP_PLANNER, "--zygote", nullptr);
      _exit(127);
    }
    close(ends[1]);
    giveUpAfter(ends[0], 20);
    ZygoteHello hello{};
    if (recv(ends[0], &hello, sizeof hello, 0) != sizeof hello) throw std::runtime_error("no hello from the zygote");
    if (std::string(hello.libraryVersion).find('.') == std::string::npos) throw std::runtime_error("an odd hello");
    return ends[0];
  }();
  return channel;
}

void sendOrder(int file, int channel) {
  ForkRequest request{std::uint64_t{1} << 30};
  iovec data{&request, sizeof request};
  alignas(cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(2 * sizeof(int));
  int descriptors[] = {file, channel};
  std::memcpy(CMSG_DATA(rights), descriptors, sizeof descriptors);
  if (sendmsg(zygote(), &message, 0) != sizeof request) throw std::runtime_error("the zygote takes no orders");
}

int receivePidfd() {
  ForkReply reply{-1, 0};
  iovec data{&reply, sizeof reply};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  if (recvmsg(zygote(), &message, MSG_CMSG_CLOEXEC) != sizeof reply || reply.error != 0) {
    throw std::runtime_error("the zygote did not fork");
  }
  int pidfd = -1;
  cmsghdr* rights = CMSG_FIRSTHDR(&message);
  if (rights == nullptr) throw std::runtime_error("no pidfd from the zygote");
  std::memcpy(&pidfd, CMSG_DATA(rights), sizeof pidfd);
  return pidfd;
}

}  // namespace

PlannerProcess::PlannerProcess(const std::string& path) {
  int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) throw std::runtime_error("cannot open " + path);
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) throw std::runtime_error("socketpair");
  sendOrder(file, ends[1]);
  close(file);
  close(ends[1]);
  channel_ = ends[0];
  giveUpAfter(channel_, 20);
  pidfd_ = receivePidfd();
}

PlannerProcess::~PlannerProcess() {
  if (channel_ >= 0) close(channel_);
  close(pidfd_);
}

bool PlannerProcess::end() {
  close(channel_);
  channel_ = -1;
  pollfd exit{pidfd_, POLLIN, 0};
  return poll(&exit, 1, 5000) == 1;
}

rpc::PlannerReply::Reader PlannerProcess::ask(const std::function<void(rpc::PlannerRequest::Builder)>& fill) {
  capnp::MallocMessageBuilder request;
  fill(request.initRoot<rpc::PlannerRequest>());
  reply_ = nullptr;
  auto problem = kj::runCatchingExceptions([&] {
    capnp::writeMessageToFd(channel_, request);
    capnp::ReaderOptions options;
    options.traversalLimitInWords = rpc::MAX_PLANNER_REPLY_WORDS;
    reply_ = std::make_unique<capnp::StreamFdMessageReader>(channel_, options);
  });
  KJ_IF_MAYBE (error, problem) throw std::runtime_error(error->getDescription().cStr());
  return reply_->getRoot<rpc::PlannerReply>();
}

ObjectId PlannerProcess::open() {
  auto reply = ask([](auto request) { request.setOpen(); });
  REQUIRE_MESSAGE(reply.isOpened(), errorOf(reply));
  root_ = reply.getOpened().getRootId();
  return root_;
}

rpc::Resolution::Reader PlannerProcess::resolve(ObjectId base, const std::string& path, rpc::Follow follow) {
  auto reply = ask([&](auto request) {
    auto resolve = request.initResolve();
    resolve.setBase(base);
    resolve.setPath(path.c_str());
    resolve.setFollowLast(follow);
  });
  REQUIRE_MESSAGE(reply.isResolved(), errorOf(reply));
  return reply.getResolved();
}

NodeInfo PlannerProcess::node(const std::string& path) {
  auto resolution = resolve(root_, path);
  REQUIRE_MESSAGE(resolution.isNode(), path);
  return wire::read(resolution.getNode());
}

NodeInfo PlannerProcess::describe(ObjectId id) {
  auto reply = ask([&](auto request) { request.setDescribe(id); });
  REQUIRE_MESSAGE(reply.isNode(), errorOf(reply));
  return wire::read(reply.getNode());
}

std::string errorOf(rpc::PlannerReply::Reader reply) {
  if (!reply.isError()) return {};
  ErrorText error = wire::read(reply.getError());
  return std::string(name(error.code)) + ": " + error.message;
}

}  // namespace h5cap::test
