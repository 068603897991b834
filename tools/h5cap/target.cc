#include "target.h"

#include <fmt/format.h>

#include <exception>

#include "defaults.h"
#include "h5cap/address.h"

namespace h5cap::cli {
namespace {

// The default address continued by a path: "h5cap+unix://%2Frun%2Fs" and "raw/scan.nxs".
std::string fullAddress(const std::string& text, const std::string& prefix) {
  if (text.find("://") != std::string::npos) return text;
  std::string base = prefix;
  std::size_t scheme = base.find("://");
  if (scheme == std::string::npos)
    throw UsageError(fmt::format("{}: no address (of the form h5cap://host/path)", base));
  while (base.size() > scheme + 3 && base.back() == '/') base.pop_back();
  return base + "/" + (text.empty() || text[0] != '/' ? text : text.substr(1));
}

bool hasExtension(const std::string& path) {
  std::size_t slash = path.rfind('/');
  std::size_t dot = path.rfind('.');
  return dot != std::string::npos && dot + 1 < path.size() && (slash == std::string::npos || dot > slash + 1);
}

FileOrDirectory asFile(const Target& target, std::uint32_t snapshotBytes) {
  return {openFile(target, snapshotBytes), {}};
}

FileOrDirectory asDirectory(const Target& target) { return {std::nullopt, target.session.list(target.path)}; }

}  // namespace

Target connectTarget(const Arguments& arguments) {
  Defaults defaults = loadDefaults();
  Location location;
  Selection selection;
  try {
    location = parseLocation(fullAddress(arguments.url, defaults.url));
    if (!arguments.slice.empty()) {
      if (location.selection) throw UsageError("a slice both in the address and after it");
      location.selection = parseSlice(arguments.slice);
    }
  } catch (const std::invalid_argument& error) {
    throw UsageError(error.what());
  }
  if (!arguments.path.empty()) {
    if (location.object) throw UsageError("an object both in the address and after it");
    location.object = arguments.path;
  }
  ConnectOptions options;
  options.timeout = defaults.timeout;
  bool endsInSlash = !location.path.empty() && location.path.back() == '/';
  return {connect(location.server, options), location.path, location.object, location.selection.value_or(Selection()),
          endsInSlash};
}

File openFile(const Target& target, std::uint32_t snapshotBytes) {
  OpenOptions options;
  options.snapshotBytes = snapshotBytes;
  File file = target.session.open(target.path, options);
  file.wait();
  return file;
}

FileOrDirectory openEither(const Target& target, std::uint32_t snapshotBytes) {
  if (target.object) return asFile(target, snapshotBytes);
  if (target.path.empty() || target.endsInSlash) return asDirectory(target);
  bool fileFirst = hasExtension(target.path);
  std::exception_ptr first;
  try {
    return fileFirst ? asFile(target, snapshotBytes) : asDirectory(target);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::disconnected || error.code() == ErrorCode::deadline) throw;
    first = std::current_exception();
  }
  try {
    return fileFirst ? asDirectory(target) : asFile(target, snapshotBytes);
  } catch (const Error&) {
    std::rethrow_exception(first);
  }
}

std::string objectPath(const Target& target) {
  if (!target.object || target.object->empty()) return "/";
  return target.object->front() == '/' ? *target.object : "/" + *target.object;
}

}  // namespace h5cap::cli
