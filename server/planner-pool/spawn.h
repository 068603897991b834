// Starting the zygote's program.
#pragma once

#include <kj/io.h>
#include <sys/types.h>

#include <string>

namespace h5cap {

struct Spawned {
  pid_t process = -1;
  kj::AutoCloseFd socket;  // our end of the program's descriptor 3
};

// `executable --zygote` with our environment, the null device as standard input and output, our standard error, one end
// of a SOCK_SEQPACKET pair as descriptor 3, nothing else open and no signal blocked.  It has a process group of its
// own: Ctrl-C at a terminal is for the front, which may still have reads to finish.  Throws Failed when the program
// cannot be run.
Spawned spawnZygote(const std::string& executable);

}  // namespace h5cap
