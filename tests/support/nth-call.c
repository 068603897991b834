// Loaded first: makes the n-th call of a function fail, stall or do less than it was asked to, and says that it did.
// What it does is in the file that $H5CAP_NTH_CALL names, as nth_call.py packs it: it may change while programs run.
// A stall ends when the file says that nothing is to happen any more.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum way { FAIL, STALL, SHORTEN };

struct control {
  char call[16];     // what it counts; empty: nothing happens
  char program[32];  // in programs of this name
  char caller[32];   // when called from a library or program whose path contains this; empty: from anywhere
  _Atomic uint32_t way, error;
  _Atomic uint64_t n;      // from one
  _Atomic uint64_t seen;   // calls so far
  _Atomic uint64_t fired;  // how often something was done
  _Atomic uint64_t stalled;  // who waits now
};

static struct control* control;

__attribute__((constructor)) static void map(void) {
  const char* path = getenv("H5CAP_NTH_CALL");
  if (!path) return;
  int file = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
  if (file < 0) return;
  void* at = (void*)syscall(SYS_mmap, NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  syscall(SYS_close, file);
  if (at != MAP_FAILED) control = at;
}

static int is_ours(const char* call, void* caller) {
  Dl_info where;
  if (!control || !*call || strcmp(control->call, call)) return 0;
  if (strcmp(control->program, program_invocation_short_name)) return 0;
  return !control->caller[0] || (dladdr(caller, &where) && strstr(where.dli_fname, control->caller));
}

// Whether it is this call's turn; a stall is over by then.
static int is_nth(const char* call, void* caller) {
  if (!is_ours(call, caller)) return 0;
  if (atomic_fetch_add(&control->seen, 1) + 1 != control->n) return 0;
  atomic_fetch_add(&control->fired, 1);
  if (control->way != STALL) return 1;
  atomic_fetch_add(&control->stalled, 1);
  while (!strcmp(control->call, call)) nanosleep(&(struct timespec){0, 2000000}, NULL);
  atomic_fetch_sub(&control->stalled, 1);
  return 0;
}

static size_t shortened(size_t count) { return count > 1 ? count / 2 : count; }

#define CALLER __builtin_return_address(0)
#define REAL(name, ...) static __VA_ARGS__; if (!real) real = dlsym(RTLD_NEXT, name)
#define FAIL_WITH(result) do { errno = control->error; return result; } while (0)

#define PREAD(name)                                                            \
  ssize_t name(int file, void* into, size_t count, off_t offset) {            \
    REAL(#name, ssize_t (*real)(int, void*, size_t, off_t));                  \
    if (is_nth("pread", CALLER)) {                                            \
      if (control->way == FAIL) FAIL_WITH(-1);                                \
      count = shortened(count);                                               \
    }                                                                         \
    return real(file, into, count, offset);                                   \
  }
PREAD(pread)
PREAD(pread64)

#define PREADV2(name)                                                                  \
  ssize_t name(int file, const struct iovec* parts, int count, off_t offset, int how) { \
    REAL(#name, ssize_t (*real)(int, const struct iovec*, int, off_t, int));           \
    if (is_nth("preadv2", CALLER)) FAIL_WITH(-1);                                      \
    return real(file, parts, count, offset, how);                                      \
  }
PREADV2(preadv2)
PREADV2(preadv64v2)

#define FSTAT(name)                                          \
  int name(int file, struct OF_##name* status) {        \
    REAL(#name, int (*real)(int, void*));                    \
    if (is_nth("fstat", CALLER)) FAIL_WITH(-1);              \
    return real(file, status);                               \
  }
#define OF_fstat stat
#define OF_fstat64 stat64
FSTAT(fstat)
FSTAT(fstat64)

#define FSTATAT(name)                                                            \
  int name(int folder, const char* path, struct OF_##name* status, int how) {    \
    REAL(#name, int (*real)(int, const char*, void*, int));                      \
    if (is_nth("fstatat", CALLER)) FAIL_WITH(-1);                                \
    return real(folder, path, status, how);                                      \
  }
#define OF_fstatat stat
#define OF_fstatat64 stat64
FSTATAT(fstatat)
FSTATAT(fstatat64)

int statx(int folder, const char* restrict path, int how, unsigned mask, struct statx* restrict status) {
  REAL("statx", int (*real)(int, const char*, int, unsigned, struct statx*));
  if (is_nth("statx", CALLER)) FAIL_WITH(-1);
  return real(folder, path, how, mask, status);
}

long syscall(long number, ...) {
  va_list list;
  va_start(list, number);
  long a = va_arg(list, long), b = va_arg(list, long), c = va_arg(list, long), d = va_arg(list, long),
       e = va_arg(list, long), f = va_arg(list, long);
  va_end(list);
  REAL("syscall", long (*real)(long, ...));
  if (number == SYS_openat2 && is_nth("openat2", CALLER)) FAIL_WITH(-1);
  return real(number, a, b, c, d, e, f);
}

#define OPEN(name)                                                     \
  int name(const char* path, int how, ...) {                           \
    va_list list;                                                      \
    va_start(list, how);                                               \
    mode_t mode = va_arg(list, mode_t);                                \
    va_end(list);                                                      \
    REAL(#name, int (*real)(const char*, int, ...));                   \
    if (is_nth("open", CALLER)) FAIL_WITH(-1);                         \
    return real(path, how, mode);                                      \
  }
OPEN(open)
OPEN(open64)

pid_t fork(void) {
  REAL("fork", pid_t (*real)(void));
  if (is_nth("fork", CALLER)) FAIL_WITH(-1);
  return real();
}

int posix_spawn(pid_t* pid, const char* path, const posix_spawn_file_actions_t* actions, const posix_spawnattr_t* how,
                char* const arguments[], char* const environment[]) {
  REAL("posix_spawn", int (*real)(pid_t*, const char*, const posix_spawn_file_actions_t*, const posix_spawnattr_t*,
                                  char* const[], char* const[]));
  if (is_nth("fork", CALLER)) return control->error;
  return real(pid, path, actions, how, arguments, environment);
}

#define MMAP(name)                                                                        \
  void* name(void* at, size_t size, int protection, int how, int file, off_t offset) {    \
    REAL(#name, void* (*real)(void*, size_t, int, int, int, off_t));                      \
    if (is_nth("mmap", CALLER)) FAIL_WITH(MAP_FAILED);                                    \
    return real(at, size, protection, how, file, offset);                                 \
  }
MMAP(mmap)
MMAP(mmap64)

// Through sockets it is sending, to a pipe or terminal saying; what wakes a thread is never counted.
static const char* name_of_write(int file) {
  REAL("fstat", int (*real)(int, struct stat*));
  struct stat status;
  int error = errno;
  int is_known = real(file, &status) == 0;
  errno = error;
  if (!is_known) return "";
  if (S_ISSOCK(status.st_mode)) return "send";
  if (S_ISREG(status.st_mode)) return "write";
  return S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode) ? "say" : "";
}

ssize_t write(int file, const void* from, size_t count) {
  REAL("write", ssize_t (*real)(int, const void*, size_t));
  if (control && control->call[0] && is_nth(name_of_write(file), CALLER)) {
    if (control->way == FAIL) FAIL_WITH(-1);
    count = shortened(count);
  }
  return real(file, from, count);
}

ssize_t writev(int file, const struct iovec* parts, int count) {
  REAL("writev", ssize_t (*real)(int, const struct iovec*, int));
  if (control && control->call[0] && is_nth(name_of_write(file), CALLER)) {
    if (control->way == FAIL) FAIL_WITH(-1);
    struct iovec first = {parts->iov_base, shortened(parts->iov_len)};
    return real(file, &first, 1);
  }
  return real(file, parts, count);
}

ssize_t send(int file, const void* from, size_t count, int how) {
  REAL("send", ssize_t (*real)(int, const void*, size_t, int));
  if (is_nth("send", CALLER)) {
    if (control->way == FAIL) FAIL_WITH(-1);
    count = shortened(count);
  }
  return real(file, from, count, how);
}

ssize_t sendmsg(int file, const struct msghdr* message, int how) {
  REAL("sendmsg", ssize_t (*real)(int, const struct msghdr*, int));
  if (is_nth("send", CALLER) && control->way == FAIL) FAIL_WITH(-1);
  return real(file, message, how);
}
