// The native module: a thin layer over the C++ client.  Whatever waits releases the interpreter's lock; errors become
// exceptions by the table in h5cap/errors.py.
#include <string>

#include "bindings.h"
#include "to-python.h"

namespace h5cap::python {

namespace {

void raiseByTable(const std::exception_ptr& thrown, void*) {
  try {
    std::rethrow_exception(thrown);
  } catch (const Error& error) {
    try {
      nb::object make = nb::module_::import_("h5cap.errors").attr("from_code");
      nb::object text = toText(error.what());
      nb::object made = make(std::string(name(error.code())).c_str(), text);
      PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(made.ptr())), made.ptr());
    } catch (nb::python_error& failure) {
      failure.restore();
    }
  }
}

}  // namespace

}  // namespace h5cap::python

NB_MODULE(_h5cap, module) {
  module.doc() = "The C++ client of h5cap; use the package h5cap.";
  nanobind::set_leak_warnings(false);  // files may be open when the interpreter ends
  nanobind::register_exception_translator(h5cap::python::raiseByTable);
  h5cap::python::bindHandles(module);
  h5cap::python::bindReading(module);
}
