// What the parts of the native module share.
#pragma once

#include <nanobind/nanobind.h>

#include <utility>

#include "h5cap/client.h"

namespace h5cap::python {

namespace nb = nanobind;

void bindHandles(nb::module_& module);  // connections, files, nodes
void bindReading(nb::module_& module);  // elements

// Runs `f`, which may wait for the server, without the interpreter's lock.
template <class F>
auto waiting(F&& f) {
  nb::gil_scoped_release unlocked;
  return std::forward<F>(f)();
}

}  // namespace h5cap::python
