#include "server/planner/sandbox.h"

#include <linux/landlock.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "h5cap/error.h"

namespace h5cap::hdf5 {

namespace {

constexpr rlim_t MAX_DESCRIPTORS = 16;
constexpr rlim_t MAX_CPU_SECONDS = 3600;  // a planner that serves for days is replaced now and then

// Builds for tests (presets asan and tsan) have two exceptions: address space is not limited, since shadow memory takes
// terabytes of it, and pipes can be made, since that is how UBSan tests whether it may look at a virtual table.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool IS_SANITIZED = true;
#else
constexpr bool IS_SANITIZED = false;
#endif

[[noreturn]] void fail(const char* what, int error) {
  throw Failed(std::string("planner: cannot ") + what + ": " + std::strerror(error));
}

void limit(__rlimit_resource resource, rlim_t most) {
  struct rlimit limits {
    most, most
  };
  if (setrlimit(resource, &limits) != 0) fail("set resource limits", errno);
}

std::uint64_t addressSpaceNow() {
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen("/proc/self/statm", "re"), std::fclose);
  unsigned long pages = 0;
  if (!file || std::fscanf(file.get(), "%lu", &pages) != 1) fail("read its own size", errno);
  return std::uint64_t{pages} * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

void limitResources(std::uint64_t memoryBytes) {
  if (!IS_SANITIZED) limit(RLIMIT_AS, addressSpaceNow() + memoryBytes);
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_FSIZE, 0);
  limit(RLIMIT_NOFILE, MAX_DESCRIPTORS);
  limit(RLIMIT_CPU, MAX_CPU_SECONDS);
}

// A second wall behind seccomp: no path in the file system, whatever the system call.  Older kernels do without.
void denyPaths() {
  landlock_ruleset_attr rules{};
  rules.handled_access_fs = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |
                            LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                            LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                            LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
                            LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;
  auto set = static_cast<int>(syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0));
  if (set < 0) return;
  syscall(SYS_landlock_restrict_self, set, 0);
  close(set);
}

class Filter {
 public:
  // EPERM, not death: libhdf5 and glibc try a few things (getcwd, the local time's file, sysinfo) and do without.
  Filter() : context_(seccomp_init(SCMP_ACT_ERRNO(EPERM))) {
    if (context_ == nullptr) fail("make a seccomp filter", ENOMEM);
  }
  ~Filter() { seccomp_release(context_); }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  template <class... Conditions>
  void allow(int call, Conditions... conditions) {
    check(seccomp_rule_add(context_, SCMP_ACT_ALLOW, call, sizeof...(conditions), conditions...));
  }
  void load() { check(seccomp_load(context_)); }

 private:
  static void check(int result) {
    if (result < 0) fail("restrict system calls", -result);
  }
  scmp_filter_ctx context_;
};

void denySystemCalls() {
  Filter filter;
  for (int call : {SCMP_SYS(read),          SCMP_SYS(pread64),      SCMP_SYS(readv),        SCMP_SYS(write),
                   SCMP_SYS(writev),        SCMP_SYS(recvfrom),     SCMP_SYS(sendto),       SCMP_SYS(lseek),
                   SCMP_SYS(close),         SCMP_SYS(poll),         SCMP_SYS(ppoll),        SCMP_SYS(brk),
                   SCMP_SYS(munmap),        SCMP_SYS(mremap),       SCMP_SYS(madvise),      SCMP_SYS(futex),
                   SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(time),         SCMP_SYS(getrandom),
                   SCMP_SYS(getpid),        SCMP_SYS(gettid),       SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
                   SCMP_SYS(rt_sigreturn),  SCMP_SYS(sigaltstack),  SCMP_SYS(sched_yield),  SCMP_SYS(restart_syscall),
                   SCMP_SYS(exit),          SCMP_SYS(exit_group)}) {
    filter.allow(call);
  }
  // Memory that can be executed is never made.
  filter.allow(SCMP_SYS(mmap), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
  filter.allow(SCMP_SYS(mprotect), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
  // abort() raises a signal, in this process.
  filter.allow(SCMP_SYS(tgkill), SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(getpid())));
  if (IS_SANITIZED) {
    for (int call : {SCMP_SYS(pipe), SCMP_SYS(pipe2)}) filter.allow(call);
  }
  filter.load();
}

}  // namespace

void enterSandbox(std::uint64_t memoryBytes) {
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
  limitResources(memoryBytes);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail("give up privileges", errno);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  denyPaths();
  denySystemCalls();
}

}  // namespace h5cap::hdf5
