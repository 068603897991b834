#include "h5cap/session.h"

#include <algorithm>
#include <cstdlib>

#include "client/src/cache/disk-cache.h"
#include "client/src/open/file-state.h"
#include "client/src/open/paging.h"
#include "client/src/rpc/checked.h"
#include "client/src/rpc/connection.h"
#include "client/src/rpc/peer.h"
#include "client/src/rpc/retry.h"
#include "core/wire.h"

namespace h5cap {

namespace {

constexpr std::uint64_t DEFAULT_TILE_BYTES = 1 << 20;

// A path below the server's root, as it travels: relative ones start at the session's own.
std::string serverPath(const std::string& base, const std::string& path) {
  bool isAbsolute = !path.empty() && path[0] == '/';
  std::string joined = isAbsolute || base.empty() ? path : base + "/" + path;
  std::size_t begin = joined.find_first_not_of('/');
  if (begin == std::string::npos) return "";
  std::size_t end = joined.find_last_not_of('/');
  return joined.substr(begin, end - begin + 1);
}

// What the environment says in the place of an option is asked once, here.
ConnectOptions settled(ConnectOptions options) {
  if (!options.token.empty()) throw Unimplemented("tokens: log in by the Unix socket or by ssh");
  const char* cache = std::getenv("H5CAP_CACHE");
  if (options.cache.empty() && cache != nullptr) options.cache = cache;
  detail::DiskCache::at(options.cache);  // says now when it is none
  const char* tile = std::getenv("H5CAP_TILE_BYTES");
  if (options.tileBytes == 0 && tile != nullptr) options.tileBytes = std::strtoull(tile, nullptr, 10);
  if (options.tileBytes == 0) options.tileBytes = DEFAULT_TILE_BYTES;
  return options;
}

std::shared_ptr<detail::Connection> makeConnection(const Address& address, const ConnectOptions& options,
                                                   detail::Sharing sharing) {
  return std::make_shared<detail::Connection>(detail::Channel::open(address.endpoint, options), options, sharing);
}

// Snapshots of a file below the server's root, in the cache if there is one.
detail::SnapshotKeeping keptSnapshots(const detail::Connection& connection, const std::string& path) {
  auto cache = detail::DiskCache::at(connection.options.cache);
  if (!cache) return {};
  const std::string key = "snapshot\n" + format(connection.endpoint()) + "\n" + path;
  return {cache->find(key).value_or(Bytes()), [cache, key](const Bytes& snapshot) { cache->keep(key, snapshot); }};
}

std::string folderUrl(Address address) {
  address.object.reset();
  address.slice.reset();
  return format(address);
}

// A session at the root of the server, over the held connection to it.
std::shared_ptr<detail::Connection> sharedConnection(const Address& address, const ConnectOptions& options) {
  auto& loop = detail::Loop::instance();
  std::string key = format(address.endpoint);
  {
    auto pool = loop.pool.lock();
    auto found = pool->channels.find(key);
    if (found != pool->channels.end() && (found->second->isUsable() || found->second->hasWorked())) {
      // One that has ended is replaced when it is used.
      return std::make_shared<detail::Connection>(found->second, options, detail::Sharing::pooled);
    }
  }
  // Not under the lock: connecting waits.  Of two that raced the later one stays in the pool.
  auto fresh = makeConnection(address, options, detail::Sharing::pooled);
  loop.pool.lock()->channels[key] = fresh->channel();
  return fresh;
}

}  // namespace

Session::Session(std::shared_ptr<detail::Connection> connection, std::string url, std::string base)
    : connection_(std::move(connection)), url_(std::move(url)), base_(std::move(base)) {}

const std::string& Session::url() const { return url_; }

File Session::open(const std::string& path, const OpenOptions& options) const {
  std::string below = serverPath(base_, path);
  Address address;
  address.endpoint = connection_->endpoint();
  address.path = (address.endpoint.transport == Transport::ssh ? "/" : "") + below;
  return File(
      detail::FileState::open(connection_, format(address), below, options, keptSnapshots(*connection_, below)));
}

struct Listing::Pages {
  std::vector<DirectoryEntry> entries;
  detail::Paging paging;
};

Listing::Listing(std::shared_ptr<detail::Connection> connection, std::string path)
    : connection_(std::move(connection)),
      path_(std::move(path)),
      pages_(std::make_shared<Pages>(Pages{{}, detail::Paging("/" + path_)})) {
  detail::retried(*connection_, [&] { ask(); });
}

void Listing::ask() {
  call_ = connection_->start([channel = connection_->usable(), path = path_, pages = pages_]() -> kj::Promise<void> {
    auto request = channel->peer().root.listRequest();
    request.setPath(path);
    request.setCursor(wire::asData(pages->paging.cursor()));
    request.setLimit(detail::Paging::PAGE);
    return request.send().then([pages](auto reply) {
      detail::checked([&] {
        detail::appendPage<rpc::DirectoryEntry>(reply, reply.getEntries(), pages->paging, pages->entries);
      });
    });
  });
}

std::vector<DirectoryEntry> Listing::wait() {
  for (;;) {
    detail::retried(*connection_, [&] {
      try {
        connection_->wait(call_);
      } catch (const Disconnected&) {
        ask();  // the same page
        throw;
      }
    });
    if (pages_->paging.isAtEnd()) return std::move(pages_->entries);
    detail::retried(*connection_, [&] { ask(); });
  }
}

Listing Session::startList(const std::string& path) const { return Listing(connection_, serverPath(base_, path)); }

ServerInfo Session::serverInfo() const {
  auto info = std::make_shared<ServerInfo>();
  detail::retried(*connection_, [&] {
    connection_->run([channel = connection_->usable(), info]() -> kj::Promise<void> {
      auto request = channel->peer().service.helloRequest();
      request.setClient("h5cap C++ client");
      request.setProtocol(rpc::PROTOCOL_VERSION);
      return request.send().then([info](auto reply) {
        auto server = reply.getServer();
        info->software = server.getSoftware();
        info->protocol = server.getProtocol();
        info->libraryVersion = server.getLibraryVersion();
      });
    });
  });
  return *info;
}

std::chrono::nanoseconds Session::ping() const {
  return detail::retried(*connection_, [&] {
    auto channel = connection_->usable();
    auto before = std::chrono::steady_clock::now();
    connection_->run(
        [channel]() -> kj::Promise<void> { return channel->peer().session.pingRequest().send().ignoreResult(); });
    return std::chrono::nanoseconds(std::chrono::steady_clock::now() - before);
  });
}

Traffic Session::traffic() const { return connection_->channel()->traffic(); }

void Session::close() { connection_->close(); }

Session connect(const std::string& url, const ConnectOptions& options) {
  Address address = parseAddress(url);
  return Session(makeConnection(address, settled(options), detail::Sharing::own), folderUrl(address), address.path);
}

Session sharedSession(const std::string& url, const ConnectOptions& options) {
  Address address = parseAddress(url);
  return Session(sharedConnection(address, settled(options)), folderUrl(address), address.path);
}

File openUrl(const std::string& url, const OpenOptions& options, const ConnectOptions& connectOptions) {
  Address address = parseAddress(url);
  Session session(sharedConnection(address, settled(connectOptions)), folderUrl(address), "");
  return session.open(address.path, options);
}

}  // namespace h5cap
