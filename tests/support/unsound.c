// What the tests of the tests take for h5capd or one of our tools, built with sanitizers: says that it listens, as a
// server waits for SIGTERM, does what $UNSOUND names, and ends.
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void* volatile kept;
static volatile int most = INT_MAX;
static volatile int sink;

static int is(const char* what, const char* wanted) { return strcmp(what, wanted) == 0; }

static void overflow(void) {
  char* volatile bytes = malloc(8);
  bytes[8] = 1;
  free(bytes);
}

static void leak(void) {
  kept = malloc(100);
  kept = NULL;
}

int main(int argc, char** argv) {
  const char* what = getenv("UNSOUND");
  sigset_t end;
  sigemptyset(&end);
  sigaddset(&end, SIGTERM);
  sigprocmask(SIG_BLOCK, &end, NULL);
  printf("listening on h5cap+unix://nowhere/\n");
  fflush(stdout);
  int signal = 0;
  if (argc > 1 && is(argv[1], "data=/")) sigwait(&end, &signal);

  if (is(what, "overflow")) overflow();
  if (is(what, "undefined")) sink = most + 1;
  if (is(what, "leak")) leak();
  if (is(what, "crash")) abort();
  if (is(what, "status")) return 3;
  if (is(what, "planner")) {
    pid_t planner = fork();
    if (planner == 0) {
      overflow();
      _exit(0);
    }
    waitpid(planner, NULL, 0);
  }
  return 0;
}
