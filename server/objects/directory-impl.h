// Folders below the exports.
//
// The grant that a directory is called with says what may be done with the directory.  What is below is authorised by
// itself, for whoever's session it is: a user may list a folder and read one in it.
#pragma once

#include "server/objects/served.h"

namespace h5cap {

class DirectoryImpl final : public Served<rpc::Directory> {
 public:
  // `path` is a path in the exports; empty: the exports themselves.
  DirectoryImpl(HandingOut key, kj::Own<SessionState> session, std::string path)
      : Served(key), session_(kj::mv(session)), path_(std::move(path)) {}

  kj::Promise<void> list(ListContext context) override;
  kj::Promise<void> open(OpenContext context) override;
  kj::Promise<void> openFile(OpenFileContext context) override;

  std::string name() const override { return path_.empty() ? "the exports" : path_; }
  std::size_t keptBytes() const override { return path_.size(); }

 private:
  // `path` seen from this directory, as a path in the exports: without empty components and dots, which would be kept.
  // Denied: above this directory.  NotFound: longer than a path can be.
  std::string below(capnp::Text::Reader path) const;

  kj::Own<SessionState> session_;
  const std::string path_;
};

}  // namespace h5cap
