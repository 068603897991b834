#include "server/files/raw-files.h"

#include <algorithm>
#include <map>

#include "server/base/guarded.h"
#include "server/files/first-there.h"

namespace h5cap {
namespace {

class Opening {
 public:
  Opening(NodePlace place, const ExternalStorage& storage, const std::set<std::size_t>& slots)
      : place_(kj::mv(place)), files_(std::make_shared<RawFiles>(storage.files.size())) {
    for (std::size_t slot : slots) slotsOf_[storage.files[slot].name].push_back(slot);
  }

  kj::Promise<std::shared_ptr<RawFiles>> run() {
    auto all = kj::heapArrayBuilder<kj::Promise<void>>(slotsOf_.size());
    for (const auto& [name, slots] : slotsOf_) {
      all.add(open(name).then([this, &slots = slots](kj::Own<Opened> file) { files_->add(kj::mv(file), slots); }));
    }
    return kj::joinPromises(all.finish()).then([this] { return files_; });
  }

 private:
  kj::Promise<kj::Own<Opened>> open(const std::string& name) {
    auto& file = *place_.file;
    auto& session = file.session();
    auto& opener = session.server.opener;
    // Beside the file as it was named, then beside the file that symbolic links lead to.
    auto places = opener.rawCandidates(file.requestedPath(), name);
    places.add(opener.rawCandidates(file.finalPath(), name));
    auto opening = openFirstThere<kj::Own<Opened>>(std::move(places.inside), [&session](const std::string& path) {
      return openFor(session, path, rpc::Access::READ);
    });
    return opening.then([this, &name, outside = places.outside](kj::Maybe<kj::Own<Opened>> found) {
      KJ_IF_MAYBE(opened, found) return kj::mv(*opened);
      if (outside == Outside::some)
        raiseKj(ErrorCode::denied, place_.text() + ": its raw file '" + name + "' is outside of what is served");
      raiseKj(ErrorCode::fileProblem, place_.text() + ": its raw file '" + name + "' does not exist");
    });
  }

  NodePlace place_;
  std::map<std::string, std::vector<std::size_t>> slotsOf_;
  std::shared_ptr<RawFiles> files_;
};

}  // namespace

void RawFiles::add(kj::Own<Opened> file, const std::vector<std::size_t>& slots) {
  for (std::size_t slot : slots) ofSlot_[slot] = file->file->get();
  files_.push_back({kj::mv(file->file), file->stamp.state, file->grant, file->requestedPath});
}

std::vector<std::pair<std::string, FileState>> RawFiles::opened() const {
  std::vector<std::pair<std::string, FileState>> opened;
  for (const File& one : files_) opened.emplace_back(one.path, one.state);
  return opened;
}

std::optional<Lane> RawFiles::lane() const {
  std::optional<Lane> lane;
  for (const File& one : files_) lane = lane ? lane->with(one.file->lane()) : one.file->lane();
  return lane;
}

bool RawFiles::areUnchanged() const {
  return std::all_of(files_.begin(), files_.end(),
                     [](const File& one) { return stateOf(one.file->get()) == one.state; });
}

kj::Promise<std::shared_ptr<RawFiles>> openRawFiles(NodePlace place, const ExternalStorage& storage,
                                                    const std::set<std::size_t>& slots) {
  auto opening = kj::heap<Opening>(kj::mv(place), storage, slots);
  auto promise = kj::evalNow([&] { return guarded([&] { return opening->run(); }); });
  return promise.attach(kj::mv(opening));
}

}  // namespace h5cap
