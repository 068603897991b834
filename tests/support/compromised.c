// Acts that a planner must not succeed with.  Preloaded into h5cap-planner it looks at what the planner reads from its
// channel, within the sandbox: asked for the path "/act-NAME" it tries that act, and writes what came of it where the
// environment says.
// Built with -DALONE it is a program that tries one act outside of any sandbox: the control.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t front;         // whom it would like to harm
static const char *target;  // a file that exists, which whoever runs this may read and write
static int file = 3, channel = 4;

static int result(long value) { return value < 0 ? errno : 0; }
static int opened(int flags, const char *path) { return result(syscall(SYS_openat, AT_FDCWD, path, flags, 0600)); }
static int child(pid_t pid) {
  if (pid == 0) _exit(0);
  return result(pid);
}
static const char *beside(const char *suffix) {
  static char path[4096];
  snprintf(path, sizeof path, "%s%s", target, suffix);
  return path;
}

static int readPasswords(void) { return opened(O_RDONLY, "/etc/passwd"); }
static int readOther(void) { return opened(O_RDONLY, target); }
static int writeOther(void) { return opened(O_WRONLY | O_TRUNC, target); }
static int create(void) { return opened(O_CREAT | O_WRONLY, beside("-new")); }
static int openPath(void) { return opened(O_PATH, "/"); }
static int openFolder(void) { return opened(O_RDONLY | O_DIRECTORY, "/tmp"); }
static int openMemory(void) { return opened(O_RDWR, "/proc/self/mem"); }
static int openNewKind(void) {
  uint64_t how[3] = {O_RDONLY, 0, 0};
  return result(syscall(SYS_openat2, AT_FDCWD, target, how, sizeof how));
}
static int reopenOwn(void) { return opened(O_RDWR, "/proc/self/fd/3"); }
static int openByHandle(void) {
  char handle[256] = {0};
  *(unsigned *)handle = 128;
  int mount;
  return result(syscall(SYS_name_to_handle_at, AT_FDCWD, target, handle, &mount, 0));
}
static int look(void) {
  struct stat status;
  return result(syscall(SYS_newfstatat, AT_FDCWD, target, &status, 0));
}
static int follow(void) {
  char buffer[64];
  return result(syscall(SYS_readlink, "/proc/self/exe", buffer, sizeof buffer));
}
static int removeIt(void) { return result(syscall(SYS_unlink, target)); }
static int renameIt(void) { return result(syscall(SYS_rename, target, beside("-old"))); }
static int linkIt(void) { return result(syscall(SYS_link, target, beside("-link"))); }
static int symlinkIt(void) { return result(syscall(SYS_symlink, target, beside("-symlink"))); }
static int makeFolder(void) { return result(syscall(SYS_mkdir, beside("-folder"), 0700)); }
static int changeMode(void) { return result(syscall(SYS_chmod, target, 0777)); }
static int changeFolder(void) { return result(syscall(SYS_chdir, "/")); }
static int watch(void) { return result(syscall(SYS_inotify_init1, 0)); }

static int socketInternet(void) { return result(socket(AF_INET, SOCK_STREAM, 0)); }
static int socketUnix(void) { return result(socket(AF_UNIX, SOCK_STREAM, 0)); }
static int socketKernel(void) { return result(socket(AF_NETLINK, SOCK_RAW, 0)); }
static int socketPair(void) {
  int pair[2];
  return result(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
}
static int passDescriptor(void) {
  char byte = 0, control[CMSG_SPACE(sizeof(int))] = {0};
  struct iovec data = {&byte, 1};
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(rights), &file, sizeof file);
  return result(sendmsg(channel, &message, MSG_DONTWAIT));
}
static int takeDescriptor(void) {
  char byte, control[CMSG_SPACE(sizeof(int))];
  struct iovec data = {&byte, 1};
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  long got = recvmsg(channel, &message, MSG_DONTWAIT);
  return got < 0 && errno != EAGAIN ? errno : 0;
}
static int duplicate(void) { return result(dup(channel)); }
static int makePipe(void) {
  int pair[2];
  return result(syscall(SYS_pipe2, pair, 0));
}

static int forkIt(void) { return child((pid_t)syscall(SYS_fork)); }
static int cloneIt(void) { return child((pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)); }
static int cloneNewKind(void) {
  uint64_t arguments[8] = {0};
  arguments[4] = SIGCHLD;
  return child((pid_t)syscall(SYS_clone3, arguments, sizeof arguments));
}
static int execute(void) {
  char *const arguments[] = {"true", NULL};
  execve("/bin/true", arguments, arguments);
  return errno;
}
static int executeNewKind(void) {
  char *const arguments[] = {"true", NULL};
  syscall(SYS_execveat, AT_FDCWD, "/bin/true", arguments, arguments, 0);
  return errno;
}
static int killFront(void) { return result(syscall(SYS_kill, front, SIGKILL)); }
static int killFrontThread(void) { return result(syscall(SYS_tgkill, front, front, SIGKILL)); }
static int signalGroup(void) { return result(syscall(SYS_kill, 0, SIGCONT)); }
static int openProcess(void) { return result(syscall(SYS_pidfd_open, front, 0)); }
static int trace(void) { return result(ptrace(PTRACE_SEIZE, front, 0, 0)); }
static int readFront(void) {
  char byte;
  struct iovec here = {&byte, 1}, there = {(void *)(uintptr_t)&front, 1};
  long got = syscall(SYS_process_vm_readv, front, &here, 1, &there, 1, 0);
  return got < 0 && errno != EFAULT ? errno : 0;
}
static int schedule(void) { return result(syscall(SYS_setpriority, PRIO_PROCESS, front, 19)); }
static int limitFront(void) {
  struct rlimit limits;
  return result(syscall(SYS_prlimit64, front, RLIMIT_NOFILE, NULL, &limits));
}

static int mapCode(void) {
  void *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return map == MAP_FAILED ? errno : 0;
}
static int makeCode(void) {
  void *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return map == MAP_FAILED ? 0 : result(mprotect(map, 4096, PROT_READ | PROT_EXEC));
}
static int memoryFile(void) { return result(syscall(SYS_memfd_create, "x", 0)); }
static int shareMemory(void) { return result(shmget(IPC_PRIVATE, 4096, 0600)); }
static int messageQueue(void) { return result(msgget(IPC_PRIVATE, 0600)); }
static int watchFaults(void) { return result(syscall(SYS_userfaultfd, 1 /* user mode only */)); }
static int ring(void) {
  char parameters[128] = {0};
  return result(syscall(SYS_io_uring_setup, 1, parameters));
}

static int writeFile(void) {
  return result(pwrite(file, "x", 1, 0)) != 0 && result(write(file, "x", 1)) != 0 ? EPERM : 0;
}
static int cutFile(void) { return result(ftruncate(file, 0)); }
static int lockFile(void) {
  struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
  return result(fcntl(file, F_SETLK, &lock));
}
static int leaseFile(void) { return result(fcntl(file, F_SETLEASE, F_WRLCK)); }
static int changeFileMode(void) { return result(fchmod(file, 0777)); }
static int control(void) {
  int count;
  return result(ioctl(channel, FIONREAD, &count));
}
static int raiseLimits(void) {
  struct rlimit limits = {16, 16};
  return result(setrlimit(RLIMIT_NOFILE, &limits));
}
static int outliveFront(void) { return result(prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0)); }
static int anotherUser(void) { return result(syscall(SYS_setuid, getuid())); }
static int newNamespace(void) { return result(unshare(CLONE_FILES)); }
static int newSession(void) { return result(syscall(SYS_setsid)); }
static int setClock(void) { return result(syscall(SYS_alarm, 0)); }

static const struct Act {
  const char *name;
  int (*perform)(void);
} ACTS[] = {
    {"read-passwords", readPasswords}, {"read-other", readOther}, {"write-other", writeOther}, {"create", create},
    {"open-path", openPath}, {"open-folder", openFolder}, {"open-memory", openMemory}, {"open-new-kind", openNewKind},
    {"reopen-own", reopenOwn}, {"open-by-handle", openByHandle}, {"look", look}, {"follow", follow},
    {"symlink", symlinkIt}, {"link", linkIt}, {"make-folder", makeFolder}, {"change-mode", changeMode},
    {"change-folder", changeFolder}, {"watch", watch}, {"rename", renameIt}, {"remove", removeIt},
    {"socket-internet", socketInternet}, {"socket-unix", socketUnix}, {"socket-kernel", socketKernel},
    {"socket-pair", socketPair}, {"pass-descriptor", passDescriptor}, {"take-descriptor", takeDescriptor},
    {"duplicate", duplicate}, {"make-pipe", makePipe}, {"fork", forkIt}, {"clone", cloneIt},
    {"clone-new-kind", cloneNewKind}, {"execute", execute}, {"execute-new-kind", executeNewKind},
    {"kill-front-thread", killFrontThread}, {"kill-front", killFront}, {"signal-group", signalGroup},
    {"open-process", openProcess}, {"trace", trace}, {"read-front", readFront}, {"schedule", schedule},
    {"limit-front", limitFront}, {"map-code", mapCode}, {"make-code", makeCode}, {"memory-file", memoryFile},
    {"share-memory", shareMemory}, {"message-queue", messageQueue}, {"watch-faults", watchFaults}, {"ring", ring},
    {"write-file", writeFile}, {"cut-file", cutFile}, {"lock-file", lockFile}, {"lease-file", leaseFile},
    {"change-file-mode", changeFileMode}, {"control", control}, {"raise-limits", raiseLimits},
    {"outlive-front", outliveFront}, {"another-user", anotherUser}, {"new-namespace", newNamespace},
    {"new-session", newSession}, {"set-clock", setClock},
};

static int perform(const char *name) {
  for (size_t i = 0; i < sizeof ACTS / sizeof ACTS[0]; ++i)
    if (strcmp(ACTS[i].name, name) == 0) return ACTS[i].perform();
  return -1;
}

#ifdef ALONE

// ACT TARGET: prints the act's error, 0 when it succeeded.  The front is a child that sleeps; the own file is TARGET.
// Without arguments: prints all names.
int main(int count, char **arguments) {
  if (count == 1) {
    for (size_t i = 0; i < sizeof ACTS / sizeof ACTS[0]; ++i) puts(ACTS[i].name);
    return 0;
  }
  target = arguments[2];
  int pair[2], own = open(target, O_RDWR);
  if (own < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return 1;
  channel = dup(pair[0]);
  if (own != file && (dup2(own, file) < 0 || close(own) != 0)) return 1;
  front = fork();
  if (front == 0) {
    for (;;) pause();
  }
  // In a child, which an act may become another program in; the status says whether it got there.
  pid_t acting = fork();
  if (acting == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    _exit(perform(arguments[1]));
  }
  int status = 0;
  waitpid(acting, &status, 0);
  kill(front, SIGKILL);
  printf("%d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
  return 0;
}

#else

static int *outcome;
static ssize_t (*honest)(int, void *, size_t);

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("H5CAP_ACT_OUTCOME");
  target = getenv("H5CAP_ACT_TARGET");
  front = getppid();  // of the zygote
  honest = (ssize_t (*)(int, void *, size_t))dlsym(RTLD_NEXT, "read");
  int shared = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
  if (shared < 0) return;
  outcome = mmap(NULL, sizeof *outcome, PROT_READ | PROT_WRITE, MAP_SHARED, shared, 0);
  close(shared);
}

static void act(const char *name) {
  if (strncmp(name, "act-", 4) == 0) *outcome = perform(name + 4);
  if (strcmp(name, "flood") == 0) {
    static const char words[1 << 16];
    for (;;)
      if (write(channel, words, sizeof words) < 0) _exit(0);
  }
  if (strcmp(name, "huge") == 0) {
    uint32_t head[2] = {0, 1u << 28};
    if (write(channel, head, sizeof head) < 0) _exit(0);
  }
  if (strcmp(name, "many-segments") == 0) {
    uint32_t head[2] = {0xfffffffe, 1};
    if (write(channel, head, sizeof head) < 0) _exit(0);
  }
  if (strcmp(name, "drip") == 0) {
    for (;;) {
      if (write(channel, "\0", 1) < 0) _exit(0);
      poll(NULL, 0, 100);
    }
  }
  if (strcmp(name, "never") == 0) {
    for (;;) poll(NULL, 0, 1000);
  }
  if (strcmp(name, "spin") == 0) {
    for (volatile uint64_t turns = 0;; ++turns) {
    }
  }
  if (strcmp(name, "memory") == 0) {
    for (;;) {
      char *more = malloc(1 << 24);
      if (more == NULL) abort();
      memset(more, 1, 1 << 24);
    }
  }
}

// What follows a slash and ends with a zero byte is the path of a question, all of it.
ssize_t read(int descriptor, void *buffer, size_t size) {
  const ssize_t got = honest(descriptor, buffer, size);
  if (descriptor != channel || got <= 0) return got;
  const char *begin = buffer, *end = begin + got;
  for (const char *at = begin; (at = memchr(at, '/', (size_t)(end - at))) != NULL;) {
    ++at;
    if (memchr(at, 0, (size_t)(end - at)) != NULL) act(at);
  }
  return got;
}

#endif
