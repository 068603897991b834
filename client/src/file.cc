// Node, Group, File: handles over detail::NodeState.
#include "h5cap/file.h"

#include "client/src/open/node-state.h"
#include "client/src/open/paging.h"
#include "client/src/reading/raw-bytes.h"
#include "client/src/rpc/checked.h"
#include "client/src/rpc/retry.h"
#include "core/wire.h"

namespace h5cap {

namespace {

void requireGroup(detail::NodeState& node) {
  auto known = node.knownInfo();
  if (known && known->kind != NodeKind::group && known->kind != NodeKind::unknown)
    throw BadType(node.path() + " is no group");
}

}  // namespace

const std::string& Node::path() const { return state_->path(); }
std::shared_ptr<const NodeInfo> Node::info() const { return state_->info(); }
std::shared_ptr<const NodeInfo> Node::known() const { return state_->knownOrInSnapshot(); }
std::shared_ptr<const FileInfo> Node::fileInfo() const { return state_->fileInfo(); }
Attributes Node::attributes() const { return Attributes(state_); }

std::vector<Link> Group::links() const {
  const auto info = state()->info();
  requireGroup(*state());
  if (info->linksComplete) return info->links;
  auto links = std::make_shared<std::vector<Link>>();
  auto paging = std::make_shared<detail::Paging>(state()->path() + ", links");
  auto askPage = [&] {
    state()->connection().run([remote = state()->remote(), links, paging]() -> kj::Promise<void> {
      auto request = remote->node.castAs<rpc::Group>().listRequest();
      request.setCursor(wire::asData(paging->cursor()));
      request.setLimit(detail::Paging::PAGE);
      return request.send().then([links, paging](auto reply) {
        detail::checked([&] { detail::appendPage<rpc::Link>(reply, reply.getLinks(), *paging, *links); });
      });
    });
  };
  do {
    detail::retried(state()->connection(), askPage);
  } while (!paging->isAtEnd());
  return std::move(*links);
}

std::optional<Link> Group::link(const std::string& path) const {
  auto parts = detail::components(path);
  if (parts.empty()) return std::nullopt;
  std::string name = parts.back();
  parts.pop_back();
  std::string parentPath = !path.empty() && path[0] == '/' ? "/" : "";
  for (auto& part : parts) parentPath += part + "/";
  auto parent = parentPath.empty() ? state() : state()->child(parentPath);
  try {
    std::shared_ptr<const NodeInfo> known;
    if (parent->knownInfo() || parent->file()->wantsSnapshot()) known = parent->info();
    if (known && known->kind != NodeKind::group) return std::nullopt;
    if (known && known->linksComplete) {
      const Link* found = detail::findLink(*known, name);
      return found ? std::optional<Link>(*found) : std::nullopt;
    }
    auto link = std::make_shared<Link>();
    detail::retried(state()->connection(), [&] {
      state()->connection().run([remote = parent->remote(), link, name]() -> kj::Promise<void> {
        auto request = remote->node.castAs<rpc::Group>().linkRequest();
        request.setPath(name);
        return request.send().then(
            [link](auto reply) { detail::checked([&] { *link = wire::read(reply.getLink()); }); });
      });
    });
    return *link;
  } catch (const NotFound&) {
    return std::nullopt;
  }
}

Node Group::node(const std::string& path) const { return Node(state()->child(path)); }
Group Group::group(const std::string& path) const { return Group(state()->child(path)); }
Dataset Group::dataset(const std::string& path) const { return Dataset(state()->child(path)); }

File::File(std::shared_ptr<detail::FileState> state)
    : Group(std::make_shared<detail::NodeState>(state, "/")), file_(std::move(state)) {}

const FileInfo& File::wait() const { return file_->info(); }
FileInfo File::stat() const { return file_->stat(); }
PathNow File::pathNow() const { return file_->pathNow(); }
const std::string& File::url() const { return file_->url(); }

Referenced File::dereference(const Bytes& token) const {
  return detail::retried(state()->connection(), [&] { return dereferenceOnce(token); });
}

Referenced File::dereferenceOnce(const Bytes& token) const {
  struct Answer {
    std::string path;
    std::shared_ptr<NodeInfo> node = std::make_shared<NodeInfo>();
    Hyperslab stored;
  };
  auto answer = std::make_shared<Answer>();
  auto file = file_->remote();
  auto remote = detail::onLoop<detail::RemoteNode>(file->channel->loop());
  remote->channel = file->channel;
  state()->connection().run([file, token, answer, remote]() -> kj::Promise<void> {
    auto request = file->file.dereferenceRequest();
    request.setToken(wire::asData(token));
    return request.send().then([answer, remote](auto reply) {
      detail::checked([&] {
        auto path = reply.getPath();
        answer->path.assign(path.begin(), path.size());
        *answer->node = wire::read(reply.getInfo());
        answer->stored = wire::read(reply.getStored());
        remote->node = reply.getNode();
      });
    });
  });
  Node node(std::make_shared<detail::NodeState>(file_, answer->path, remote, answer->node, token));
  return {std::move(node), std::move(answer->stored)};
}

RawBytes File::readBytes(std::uint64_t offset, std::byte* target, std::uint64_t count,
                         const Version& ifVersion) const {
  return detail::retried(file_->connection(), [&]() -> RawBytes {
    auto sink = std::make_shared<detail::ByteSink>(std::span(target, count));
    auto call = detail::startReadBytes(file_, offset, ifVersion, sink);
    try {
      file_->connection().wait(call);
    } catch (...) {
      sink->result.lock()->isClosed = true;  // the target is the caller's again
      throw;
    }
    auto result = sink->result.lock();
    return {result->count, std::move(result->version)};
  });
}

}  // namespace h5cap
