#include "server/planner/zygote.h"

#include <hdf5.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "server/planner-pool/zygote-protocol.h"
#include "server/planner/external-link.h"
#include "server/planner/open-file.h"
#include "server/planner/plugins.h"
#include "server/planner/sandbox.h"
#include "server/planner/serve.h"
#include "server/planner/vfd.h"

namespace h5cap::hdf5 {

namespace {

// Where a planner finds its descriptors; everything above is closed.
constexpr int FILE_DESCRIPTOR = 3;
constexpr int CHANNEL_DESCRIPTOR = 4;

struct Order {
  ForkRequest request;
  int file = -1;
  int channel = -1;
};

void prepare() {
  std::signal(SIGPIPE, SIG_IGN);
  tzset();  // reads the local time's file, which planners cannot
  H5open();
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  H5dont_atexit();
  descriptorDriver();
  forbidExternalTraversal();
  loadFilters();
}

bool sendHello() {
  ZygoteHello hello{};
  std::snprintf(hello.libraryVersion, sizeof hello.libraryVersion, "%s", libraryVersion().c_str());
  return send(zygoteDescriptor, &hello, sizeof hello, 0) == sizeof hello;
}

void wake(int) {}

// Dead planners are collected between orders.  (Ignoring SIGCHLD would collect them too, but then one that dies at once
// is gone before its pidfd can be opened.)
void collectDead() {
  while (waitpid(-1, nullptr, WNOHANG) > 0) {
  }
}

// Sleeps until there is an order, or the front is gone.
void awaitOrder(const sigset_t& whileWaiting) {
  pollfd waiting{zygoteDescriptor, POLLIN, 0};
  while (ppoll(&waiting, 1, nullptr, &whileWaiting) < 0 && errno == EINTR) collectDead();
}

// False when the front is gone, or does not keep to the protocol.
bool receive(Order& order) {
  iovec data{&order.request, sizeof order.request};
  alignas(cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))];
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t got;
  do {
    got = recvmsg(zygoteDescriptor, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  const cmsghdr* rights = got == sizeof order.request ? CMSG_FIRSTHDR(&message) : nullptr;
  if (rights == nullptr || rights->cmsg_type != SCM_RIGHTS || rights->cmsg_len != CMSG_LEN(2 * sizeof(int)))
    return false;
  int descriptors[2];
  std::memcpy(descriptors, CMSG_DATA(rights), sizeof descriptors);
  order.file = descriptors[0];
  order.channel = descriptors[1];
  return true;
}

bool sendReply(int error, pid_t planner, int pidfd) {
  ForkReply reply{error, planner};
  iovec data{&reply, sizeof reply};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  if (pidfd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(rights), &pidfd, sizeof pidfd);
  }
  return sendmsg(zygoteDescriptor, &message, 0) == sizeof reply;
}

// Moves the descriptors to their places, which may be each other's.
void keepOnly(int file, int channel) {
  int fileCopy = dup(file);
  int channelCopy = dup(channel);
  dup2(fileCopy, FILE_DESCRIPTOR);
  dup2(channelCopy, CHANNEL_DESCRIPTOR);
  syscall(SYS_close_range, CHANNEL_DESCRIPTOR + 1, ~0U, 0);
}

[[noreturn]] void becomePlanner(const Order& order, pid_t zygote, const sigset_t& signals) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != zygote) _exit(1);  // it died before the line above
  std::signal(SIGCHLD, SIG_DFL);
  sigprocmask(SIG_SETMASK, &signals, nullptr);
  keepOnly(order.file, order.channel);
  int status = 0;
  try {
    enterSandbox(order.request.memoryBytes);
    serve(FILE_DESCRIPTOR, CHANNEL_DESCRIPTOR);
  } catch (const std::exception& error) {
    dprintf(STDERR_FILENO, "h5cap-planner: %s\n", error.what());
    status = 1;
  }
  // No exit handlers: libhdf5's crash when property lists of virtual datasets are still open.
  _exit(status);
}

bool forkPlanner(const Order& order, const sigset_t& signals) {
  pid_t zygote = getpid();
  pid_t planner = fork();
  if (planner == 0) becomePlanner(order, zygote, signals);
  int error = planner < 0 ? errno : 0;
  int pidfd = -1;
  if (planner > 0) {
    pidfd = static_cast<int>(syscall(SYS_pidfd_open, planner, 0));
    if (pidfd < 0) {
      error = errno;
      kill(planner, SIGKILL);
    }
  }
  close(order.file);
  close(order.channel);
  bool isSent = sendReply(error, planner, pidfd);
  if (pidfd >= 0) close(pidfd);
  return isSent;
}

}  // namespace

int runZygote() {
  prepare();
  sigset_t child, before;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child, &before);
  struct sigaction action {};
  action.sa_handler = wake;
  sigaction(SIGCHLD, &action, nullptr);
  if (!sendHello()) return 1;
  for (;;) {
    awaitOrder(before);
    collectDead();
    Order order;
    if (!receive(order)) return 0;
    if (!forkPlanner(order, before)) return 0;
  }
}

}  // namespace h5cap::hdf5
