// What the parts of the native module share.
#pragma once

#include <cxxabi.h>
#include <nanobind/nanobind.h>
#include <unistd.h>

#include <utility>

#include "h5cap/client.h"

namespace h5cap::python {

namespace nb = nanobind;

void bindHandles(nb::module_& module);  // connections, files, nodes
void bindReading(nb::module_& module);  // elements

// Of the thread that ends the interpreter: it alone runs Python by then, for objects that read as they go.
inline thread_local bool endsInterpreter = false;

// Takes the interpreter's lock by `take`.  A thread that asks for it while the interpreter ends sleeps from there on,
// as in Python 3.14.  Earlier versions end such a thread by pthread_exit, whose unwinding ends the process when it
// meets a destructor; and once the interpreter has ended, what the lock is kept in is gone, while the process may live
// for a while: reads that are under way still ask for signals.
//
// What is caught then is no object: to UBSan a reference to nothing.
template <class F>
__attribute__((no_sanitize("null"))) void takeLock(F&& take) {
  while (!Py_IsInitialized() && !endsInterpreter) pause();  // never again since the end has begun
  try {
    take();
  } catch (abi::__forced_unwind&) {
    for (;;) pause();
  }
}

// While it lives, other threads may run Python.
class Unlocked {
 public:
  Unlocked() {
    if (!Py_IsInitialized()) endsInterpreter = true;
    state_ = PyEval_SaveThread();
  }
  ~Unlocked() {
    takeLock([this] { PyEval_RestoreThread(state_); });
  }
  Unlocked(const Unlocked&) = delete;
  Unlocked& operator=(const Unlocked&) = delete;

 private:
  PyThreadState* state_ = nullptr;
};

// Runs `f`, which may wait for the server, without the interpreter's lock.
template <class F>
auto waiting(F&& f) {
  Unlocked unlocked;
  return std::forward<F>(f)();
}

}  // namespace h5cap::python
