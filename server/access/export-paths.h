// Paths in the exports, as text: nothing here touches a file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "server/access/exports.h"

namespace h5cap {

// Where a path leads: which export, and where in it.
struct ExportPath {
  const Export* exported = nullptr;
  std::string inside;  // relative to the export's folder, without empty components and "."; "." for the folder itself
};

// Where else a file is looked for than where its name leads: beside the one that names it, or nowhere.
enum class Search { beside, exact };

// The exports by name, and the translation between their paths and the host's.
class ExportTable {
 public:
  explicit ExportTable(std::vector<Export> exports);  // throws std::invalid_argument for equal names

  const std::vector<Export>& exports() const { return exports_; }
  bool wholeFilesystem() const { return wholeFilesystem_; }

  // Throws Denied for "..", NotFound for a NUL, a leading slash or an unknown export.  Not for the empty path.
  ExportPath locate(const std::string& path) const;

  // The path in the exports of a place in one.
  std::string name(const ExportPath& place) const;

  // The export that a place of the host is in, `preferred` if it is in that one, else the narrowest.  `host` is an
  // absolute path as components, which may hold ".."; so may `inside`.
  std::optional<ExportPath> holding(const std::vector<std::string>& host, const Export& preferred) const;

  // What Opener::candidates says.  `from`: as locate.
  Places candidates(const std::string& from, const std::string& name, Search search) const;

 private:
  std::vector<Export> exports_;
  bool wholeFilesystem_;
};

// The components of a path, without empty ones and ".".
std::vector<std::string> components(const std::string& path);

// The inverse, from component `from` on; "." for none.
std::string join(const std::vector<std::string>& parts, std::size_t from = 0);

// Whether a path means the list of exports (or the host's root directory).
bool isRoot(const std::string& path);

}  // namespace h5cap
