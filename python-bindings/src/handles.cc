// Connections, files and nodes.
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "bindings.h"
#include "h5cap/address.h"
#include "h5cap/printable.h"
#include "to-python.h"

namespace h5cap::python {

using namespace nb::literals;

namespace {

// A wait that lasts lets Ctrl-C through: the client calls this from the waiting thread.
void checkSignals() {
  PyGILState_STATE before{};
  takeLock([&] { before = PyGILState_Ensure(); });
  if (PyErr_CheckSignals() == 0) return PyGILState_Release(before);
  nb::python_error interrupted;
  PyGILState_Release(before);
  throw interrupted;
}

// Names and paths arrive as bytes: HDF5's need not be UTF-8.
std::string raw(const nb::bytes& name) { return std::string(name.c_str(), name.size()); }

ConnectOptions connectOptions(double timeoutSeconds, const std::string& token, std::uint64_t tileBytes) {
  if (!(timeoutSeconds > 0)) throw std::invalid_argument("timeout must be a positive number of seconds");
  ConnectOptions options;
  constexpr double longest = 1e9;  // seconds; keeps infinity within the clock's range
  double timeoutMs = std::ceil(std::fmin(timeoutSeconds, longest) * 1000);
  options.timeout = std::chrono::milliseconds(static_cast<std::int64_t>(timeoutMs));
  options.token = token;
  options.tileBytes = tileBytes;
  options.interrupted = checkSignals;
  return options;
}

nb::dict trafficOf(const Session& session) {
  Traffic traffic = session.traffic();
  nb::dict out;
  out["bytes_received"] = traffic.bytesReceived;
  out["bytes_sent"] = traffic.bytesSent;
  out["messages_received"] = traffic.messagesReceived;
  out["messages_sent"] = traffic.messagesSent;
  out["round_trips"] = traffic.roundTrips;
  return out;
}

nb::tuple locationOf(const std::string& url) {
  Location location = parseLocation(url);
  nb::object object = location.object ? nb::object(toText(*location.object)) : nb::none();
  nb::object selection = location.selection ? nb::object(toPython(*location.selection)) : nb::none();
  return nb::make_tuple(toText(location.server), toText(location.path), object, selection);
}

nb::list entriesOf(Listing& listing) {
  auto found = waiting([&] { return listing.wait(); });
  nb::list out;
  for (const DirectoryEntry& entry : found) {
    out.append(nb::make_tuple(toText(entry.name), entry.isDirectory, entry.size, entry.modifiedNs));
  }
  return out;
}

void bindSession(nb::module_& module) {
  nb::class_<Listing>(module, "Listing").def("wait", entriesOf);
  nb::class_<Session>(module, "Session")
      .def("open",
           [](const Session& session, const nb::bytes& name, std::uint32_t snapshotBytes) {
             std::string path = raw(name);
             return waiting([&] { return session.open(path, OpenOptions{snapshotBytes}); });
           })
      .def("start_list",
           [](const Session& session, const nb::bytes& name) {
             std::string path = raw(name);
             return waiting([&] { return session.startList(path); });
           })
      .def("server_info",
           [](const Session& session) {
             ServerInfo info = waiting([&] { return session.serverInfo(); });
             return nb::make_tuple(toText(info.software), info.protocol, toText(info.libraryVersion));
           })
      .def("ping",
           [](const Session& session) {
             return std::chrono::duration<double>(waiting([&] { return session.ping(); })).count();
           })
      .def("traffic", trafficOf)
      .def("url", [](const Session& session) { return toText(session.url()); });

  module.def("printable", [](const nb::bytes& text) {
    const std::string made = printable(std::string_view(text.c_str(), text.size()));
    return nb::str(made.c_str(), made.size());
  });
  module.def("parse_location", locationOf, "(server, path, object or None, selection or None) of an address.");
  module.def("shared_session", [](const std::string& url, double timeout, const std::string& token,
                                      std::uint64_t tileBytes) {
    ConnectOptions options = connectOptions(timeout, token, tileBytes);
    return waiting([&] { return sharedSession(url, options); });
  }, "url"_a, "timeout"_a, "token"_a, "tile_bytes"_a = 0);
  module.def("open_url",
             [](const std::string& url, std::uint32_t snapshotBytes, double timeout, const std::string& token,
                std::uint64_t tileBytes) {
               ConnectOptions options = connectOptions(timeout, token, tileBytes);
               return waiting([&] { return openUrl(url, OpenOptions{snapshotBytes}, options); });
             },
             "url"_a, "snapshot_bytes"_a, "timeout"_a, "token"_a, "tile_bytes"_a = 0);
}

// What is known of the node at `name` without asking: as `info`, with links and attributes (None where they are not
// known).
nb::object knownAt(const Node& node, const nb::bytes& name) {
  std::string path = raw(name);
  Node wanted = path.empty() ? node : Group(node.state()).node(path);
  const auto info = waiting([&] { return wanted.known(); });
  if (info == nullptr) return nb::none();
  nb::dict out = toPython(*info);
  out["links"] = nb::none();
  if (info->linksComplete) {
    nb::list links;
    for (const Link& link : info->links) links.append(toPython(link));
    out["links"] = links;
  }
  out["attributes"] = nb::none();
  if (info->attributesComplete) {
    nb::list attributes;
    for (const Attribute& attribute : info->attributes) attributes.append(toPython(attribute));
    out["attributes"] = attributes;
  }
  return out;
}

nb::list linksOf(const Node& node) {
  auto links = waiting([&] { return Group(node.state()).links(); });
  nb::list out;
  for (const Link& link : links) out.append(toPython(link));
  return out;
}

nb::object linkAt(const Node& node, const nb::bytes& name) {
  std::string path = raw(name);
  auto link = waiting([&] { return Group(node.state()).link(path); });
  return link ? nb::object(toPython(*link)) : nb::none();
}

nb::list attributesOf(const Node& node) {
  auto attributes = waiting([&] { return node.attributes().list(); });
  nb::list out;
  for (const Attribute& attribute : attributes) out.append(toPython(attribute));
  return out;
}

nb::object attributeNamed(const Node& node, const nb::bytes& rawName) {
  std::string name = raw(rawName);
  auto attribute = waiting([&] { return node.attributes().find(name); });
  return attribute ? nb::object(toPython(*attribute)) : nb::none();
}

nb::tuple dereference(const File& file, const nb::bytes& token) {
  Bytes bytes = bytesFrom(token);
  Referenced found = waiting([&] { return file.dereference(bytes); });
  return nb::make_tuple(std::move(found.node), toPython(found.stored));
}

nb::list virtualSourcesOf(const Node& node) {
  Dataset dataset(node.state());
  // A snapshot leaves them out; a virtual dataset has at least one.
  const auto known = waiting([&] { return dataset.info(); });
  if (!known->virtualSources.empty()) return toPython(known->virtualSources);
  DatasetInfo full = waiting([&] { return dataset.refresh(); });
  return toPython(full.virtualSources);
}

void bindNode(nb::module_& module) {
  nb::class_<Node>(module, "Node")
      .def("path", [](const Node& node) { return toText(node.path()); })
      .def("info",
           [](const Node& node) {
             return toPython(*waiting([&] { return node.info(); }));
           })
      .def("file_info",
           [](const Node& node) {
             return toPython(*waiting([&] { return node.fileInfo(); }));
           })
      .def("refresh",
           [](const Node& node) {
             DatasetInfo info = waiting([&] { return Dataset(node.state()).refresh(); });
             return toPython(info);
           })
      .def("node",
           [](const Node& node, const nb::bytes& name) {
             std::string path = raw(name);
             return waiting([&] { return Group(node.state()).node(path); });
           })
      .def("known", knownAt)
      .def("links", linksOf)
      .def("link", linkAt)
      .def("attributes", attributesOf)
      .def("attribute", attributeNamed)
      .def("missing_sources",
           [](const Node& node) { return toPython(waiting([&] { return Dataset(node.state()).missingSources(); })); })
      .def("virtual_sources", virtualSourcesOf);
}

// What a caller asks for: None is any version.
Version versionFrom(nb::handle version) {
  return version.is_none() ? Version() : bytesFrom(nb::cast<nb::bytes>(version));
}

nb::tuple readBytes(const File& file, std::uint64_t offset, std::uint64_t count, nb::handle ifVersion) {
  const Version wanted = versionFrom(ifVersion);
  // Not larger than the file: whoever asks for the rest of it may ask for any number.
  std::uint64_t size = waiting([&] { return file.wait().size; });
  if (count > size) count = std::max(size, waiting([&] { return file.stat().size; }));
  PyObject* bytes = PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(count));
  if (bytes == nullptr) throw nb::python_error();
  auto* target = reinterpret_cast<std::byte*>(PyBytes_AS_STRING(bytes));
  RawBytes read;
  try {
    read = waiting([&] { return file.readBytes(offset, target, count, wanted); });
  } catch (...) {
    Py_DECREF(bytes);
    throw;
  }
  if (read.count < count && _PyBytes_Resize(&bytes, static_cast<Py_ssize_t>(read.count)) != 0) throw nb::python_error();
  return nb::make_tuple(nb::steal(bytes), toBytes(read.version));
}

using ByteBuffer = nb::ndarray<std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

nb::tuple readBytesInto(const File& file, std::uint64_t offset, ByteBuffer target, nb::handle ifVersion) {
  const Version wanted = versionFrom(ifVersion);
  auto* data = reinterpret_cast<std::byte*>(target.data());
  std::size_t capacity = target.size();
  RawBytes read = waiting([&] { return file.readBytes(offset, data, capacity, wanted); });
  return nb::make_tuple(read.count, toBytes(read.version));
}

}  // namespace

void bindHandles(nb::module_& module) {
  bindNode(module);
  bindSession(module);
  nb::class_<File, Node>(module, "File")
      .def("wait",
           [](const File& file) {
             const FileInfo* info = waiting([&] { return &file.wait(); });
             return toPython(*info);
           })
      .def("stat",
           [](const File& file) {
             FileInfo info = waiting([&] { return file.stat(); });
             return toPython(info);
           })
      .def("path_now",
           [](const File& file) {
             constexpr const char* names[] = {"unknown", "this file", "another file", "nothing"};
             return names[static_cast<int>(waiting([&] { return file.pathNow(); }))];
           })
      .def("dereference", dereference, "(node, stored selection) of an element of a reference type.")
      .def("read_bytes", readBytes, "offset"_a, "count"_a, "if_version"_a = nb::none(),
           "Stored bytes from an offset on, fewer at the end of the file: (bytes, version).")
      .def("read_bytes_into", readBytesInto, "offset"_a, "target"_a, "if_version"_a = nb::none(),
           "The same into a byte buffer: (count, version).")
      .def("url", [](const File& file) { return toText(file.url()); });
}

}  // namespace h5cap::python
