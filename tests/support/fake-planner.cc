// A planner program without libhdf5 that does as it is told, for tests of what the front makes of crashes, hangs and
// garbage. Speaks the zygote protocol.  `open` obeys the content of the file, `resolve` the path it is given:
//   crash, hang, garbage, oversized, wrong-kind, exit   what it says
//   crash-once:FILE        crashes unless FILE exists, which it creates
//   zygote, process        the process id of the zygote, of the planner
//   error                  reports notFound
// and echoes anything else.
#include <capnp/message.h>
#include <capnp/serialize.h>
#include <fcntl.h>
#include <h5cap/planner.capnp.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <string>

#include "server/planner-pool/zygote-protocol.h"

namespace {

using namespace h5cap;

[[noreturn]] void crash() {
  raise(SIGKILL);
  _exit(1);
}

void sendAll(int socket, const void* data, std::size_t size) {
  if (send(socket, data, size, MSG_NOSIGNAL) != static_cast<ssize_t>(size)) _exit(0);
}

void misbehave(const std::string& order, int socket) {
  if (order == "crash") crash();
  if (order == "exit") _exit(0);
  if (order == "hang") {
    for (;;) pause();
  }
  if (order == "spin") {
    volatile std::uint64_t turns = 0;
    for (;;) turns = turns + 1;
  }
  if (order == "garbage") {
    std::string garbage(4096, '\xff');
    sendAll(socket, garbage.data(), garbage.size());
    for (;;) pause();
  }
  if (order == "oversized") {
    std::uint32_t table[] = {0, static_cast<std::uint32_t>(rpc::MAX_PLANNER_REPLY_WORDS) + 1};
    sendAll(socket, table, sizeof table);
    for (;;) pause();
  }
  if (order.rfind("crash-once:", 0) == 0) {
    int file = open(order.substr(11).c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (file >= 0) crash();
  }
}

std::string obey(const std::string& order, int socket, pid_t zygote) {
  misbehave(order, socket);
  if (order == "zygote") return std::to_string(zygote);
  if (order == "work") {
    timespec start{}, now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    do {
      clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    } while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1'000'000 < 400);
  }
  if (order == "process") return std::to_string(getpid());
  return order;
}

std::string contentOf(int file) {
  char buffer[256];
  ssize_t size = pread(file, buffer, sizeof buffer, 0);
  return size > 0 ? std::string(buffer, size) : "";
}

void answer(rpc::PlannerRequest::Reader request, rpc::PlannerReply::Builder reply, int file, int socket, pid_t zygote) {
  if (request.isOpen()) {
    std::string order = contentOf(file);
    if (order == "error") {
      reply.initError().setCode(rpc::ErrorCode::FILE_PROBLEM);
      reply.getError().setMessage("not an HDF5 file");
      return;
    }
    obey(order, socket, zygote);
    reply.initOpened().setRootId(getpid());
  } else if (request.isResolve()) {
    std::string order = request.getResolve().getPath().cStr();
    if (order == "error") {
      reply.initError().setCode(rpc::ErrorCode::NOT_FOUND);
      reply.getError().setMessage("/x: no such object");
    } else if (order == "wrong-kind") {
      reply.initStorage().setUnallocated();
    } else {
      reply.initResolved().setMissing(obey(order, socket, zygote));
    }
  } else {
    crash();
  }
}

[[noreturn]] void serve(int file, int socket, pid_t zygote) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != zygote) _exit(0);
  try {
    for (;;) {
      capnp::StreamFdMessageReader message(socket);
      capnp::MallocMessageBuilder reply;
      answer(message.getRoot<rpc::PlannerRequest>(), reply.initRoot<rpc::PlannerReply>(), file, socket, zygote);
      auto words = capnp::messageToFlatArray(reply);
      sendAll(socket, words.begin(), words.asBytes().size());
    }
  } catch (const kj::Exception&) {
    _exit(0);
  }
}

// Receives a packet with two descriptors.  False at the end.
bool receive(int (&descriptors)[2]) {
  ForkRequest request;
  iovec part{&request, sizeof request};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof descriptors)];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  if (recvmsg(zygoteDescriptor, &message, MSG_CMSG_CLOEXEC) != sizeof request) return false;
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_len != CMSG_LEN(sizeof descriptors)) return false;
  memcpy(descriptors, CMSG_DATA(header), sizeof descriptors);
  return true;
}

void reply(pid_t planner, int pidfd) {
  ForkReply packet{0, planner};
  iovec part{&packet, sizeof packet};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof pidfd)];
  memset(control, 0, sizeof control);
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof pidfd);
  memcpy(CMSG_DATA(header), &pidfd, sizeof pidfd);
  sendmsg(zygoteDescriptor, &message, MSG_NOSIGNAL);
}

}  // namespace

int main() {
  if (getenv("FAKE_PLANNER_DIES") != nullptr) return 1;
  signal(SIGCHLD, SIG_IGN);
  ZygoteHello hello{};
  strcpy(hello.libraryVersion, "1.10.8-fake");
  sendAll(zygoteDescriptor, &hello, sizeof hello);
  pid_t zygote = getpid();
  int descriptors[2];
  while (receive(descriptors)) {
    int pidfd = -1;
    clone_args arguments{};
    arguments.flags = CLONE_PIDFD;
    arguments.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
    arguments.exit_signal = SIGCHLD;
    auto planner = static_cast<pid_t>(syscall(SYS_clone3, &arguments, sizeof arguments));
    if (planner == 0) {
      close(zygoteDescriptor);
      serve(descriptors[0], descriptors[1], zygote);
    }
    close(descriptors[0]);
    close(descriptors[1]);
    reply(planner, pidfd);
    close(pidfd);
  }
}
