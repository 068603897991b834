// Folders below the exports.
#pragma once

#include "server/objects/served.h"

namespace h5cap {

class DirectoryImpl final : public Served<rpc::Directory> {
 public:
  // `path` is a path in the exports; empty: the exports themselves.
  DirectoryImpl(SessionState& session, std::string path) : Served(session), path_(kj::mv(path)) {}

  kj::Promise<void> list(ListContext context) override;
  kj::Promise<void> open(OpenContext context) override;
  kj::Promise<void> openFile(OpenFileContext context) override;

 private:
  // `path` seen from this directory, as a path in the exports.  Nothing above this directory: Denied.
  std::string below(capnp::Text::Reader path) const;

  std::string path_;
};

}  // namespace h5cap
