#include "core/endpoint.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <stdexcept>

namespace h5cap {

namespace {

struct Scheme {
  std::string_view name;
  Transport transport;
};
constexpr std::array<Scheme, 4> SCHEMES = {{{"h5cap", Transport::tls},
                                            {"h5cap+tcp", Transport::tcp},
                                            {"h5cap+unix", Transport::unixSocket},
                                            {"h5cap+ssh", Transport::ssh}}};

constexpr std::string_view OBJECT_MARK = "::";

// Reads one address; keeps the whole text for messages.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Address parse() {
    Address address;
    auto rest = text_;
    address.endpoint.transport = takeScheme(rest);
    // A fragment means nothing here, and is more likely a file name that was not encoded.
    if (rest.find('#') != rest.npos) fail("'#' has to be written as %23");
    auto query = rest.find('?');
    if (query != rest.npos) {
      readQuery(rest.substr(query + 1), address);
      rest = rest.substr(0, query);
    }
    auto slash = rest.find('/');
    auto authority = rest.substr(0, slash);
    auto path = slash == rest.npos ? std::string_view() : rest.substr(slash);
    readAuthority(authority, path, address.endpoint);
    readPath(path, address);
    return address;
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw std::invalid_argument(fmt::format("bad address '{}': {}", text_, why));
  }

  Transport takeScheme(std::string_view& rest) const {
    auto end = rest.find("://");
    if (end == rest.npos) fail("it does not begin with h5cap://");
    auto name = rest.substr(0, end);
    rest.remove_prefix(end + 3);
    for (const auto& scheme : SCHEMES) {
      if (scheme.name == name) return scheme.transport;
    }
    fail(fmt::format("unknown scheme '{}' (h5cap, h5cap+tcp, h5cap+unix, h5cap+ssh)", name));
  }

  std::string decode(std::string_view part) const {
    std::string result;
    result.reserve(part.size());
    for (std::size_t i = 0; i < part.size(); ++i) {
      auto character = part[i];
      if (character == '%') {
        unsigned value = 0;
        auto digits = part.substr(i + 1, 2);
        auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
        if (digits.size() != 2 || error != std::errc() || end != digits.data() + 2) {
          fail(fmt::format("'%{}' is not a percent-encoded byte", digits));
        }
        character = static_cast<char>(value);
        i += 2;
      }
      if (character == '\0') fail("it contains a null byte");
      result += character;
    }
    return result;
  }

  void readAuthority(std::string_view authority, std::string_view& path, Endpoint& endpoint) const {
    switch (endpoint.transport) {
      case Transport::unixSocket:
        endpoint.socket = decode(authority);
        if (authority.empty()) {  // h5cap+unix:///tmp/x.sock: the path is the socket
          auto mark = path.find(OBJECT_MARK);
          if (mark != path.npos) fail("a socket has no objects: encode its slashes as %2F and append the file");
          endpoint.socket = decode(path);
          path = {};
          if (endpoint.socket == "/") endpoint.socket.clear();
        }
        return;
      case Transport::ssh:
        endpoint.port = 0;
        if (auto at = authority.rfind('@'); at != authority.npos) {
          endpoint.user = decode(authority.substr(0, at));
          if (endpoint.user.empty()) fail("no user before '@'");
          authority.remove_prefix(at + 1);
        }
        readHost(authority, endpoint);
        // ssh takes words that begin with '-' for options.
        if (endpoint.host.front() == '-' || (!endpoint.user.empty() && endpoint.user.front() == '-')) {
          fail("a host or user that begins with '-'");
        }
        return;
      case Transport::tls:
        if (authority.empty()) {
          endpoint.transport = Transport::unixSocket;
          return;
        }
        [[fallthrough]];
      case Transport::tcp:
        if (authority.find('@') != authority.npos) fail("only h5cap+ssh takes a user");
        readHost(authority, endpoint);
        return;
    }
  }

  void readHost(std::string_view authority, Endpoint& endpoint) const {
    std::string_view port;
    if (!authority.empty() && authority.front() == '[') {
      auto close = authority.find(']');
      if (close == authority.npos) fail("'[' without ']'");
      endpoint.host = decode(authority.substr(1, close - 1));
      if (endpoint.host.find(':') == std::string::npos) fail("brackets are for IPv6 addresses");
      port = authority.substr(close + 1);
      if (!port.empty() && port.front() != ':') fail("text behind ']'");
    } else {
      auto colon = authority.find(':');
      endpoint.host = decode(authority.substr(0, colon));
      if (colon != authority.npos) port = authority.substr(colon);
      if (port.find(':', 1) != port.npos) fail("an IPv6 address needs brackets: [::1]");
    }
    if (endpoint.host.empty()) fail("no host");
    if (endpoint.host.find_first_of(" \t\r\n/") != std::string::npos) fail("the host contains blanks or slashes");
    if (!port.empty()) endpoint.port = parsePort(port.substr(1));
  }

  std::uint16_t parsePort(std::string_view digits) const {
    std::uint16_t port = 0;
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (error != std::errc() || end != digits.data() + digits.size() || port == 0) {
      fail(fmt::format("'{}' is not a port", digits));
    }
    return port;
  }

  void readPath(std::string_view path, Address& address) const {
    // The mark counts where it is not encoded, so files with "::" in their names can be named.
    if (auto mark = path.find(OBJECT_MARK); mark != path.npos) {
      if (address.object) fail("the object is given twice, by '::' and by '?path='");
      address.object = decode(path.substr(mark + OBJECT_MARK.size()));
      path = path.substr(0, mark);
    }
    if (address.endpoint.transport != Transport::ssh && !path.empty()) path.remove_prefix(1);
    address.path = decode(path);
  }

  void readQuery(std::string_view query, Address& address) const {
    while (!query.empty()) {
      auto end = query.find('&');
      auto item = query.substr(0, end);
      query = end == query.npos ? std::string_view() : query.substr(end + 1);
      auto equals = item.find('=');
      auto key = item.substr(0, equals);
      auto* member = key == "path" ? &address.object : key == "slice" ? &address.slice : nullptr;
      if (member == nullptr || equals == item.npos) fail(fmt::format("unknown option '{}' (path=, slice=)", item));
      if (*member) fail(fmt::format("'{}' is given twice", key));
      *member = decode(item.substr(equals + 1));
    }
  }

  std::string_view text_;
};

// RFC 3986's unreserved characters, and those of `also`, as they are; all other bytes encoded.
std::string encode(std::string_view text, std::string_view also) {
  constexpr std::string_view UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string result;
  for (auto character : text) {
    if (UNRESERVED.find(character) != UNRESERVED.npos || also.find(character) != also.npos) {
      result += character;
    } else {
      result += fmt::format("%{:02X}", static_cast<unsigned char>(character));
    }
  }
  return result;
}

constexpr std::string_view PATH_CHARACTERS = "/!$&'()*+,;=@";
constexpr std::string_view QUERY_CHARACTERS = "/!$'()*+,;=@:";

}  // namespace

Address parseAddress(std::string_view text) { return Parser(text).parse(); }

std::string format(const Endpoint& endpoint) {
  switch (endpoint.transport) {
    case Transport::unixSocket:
      return endpoint.socket.empty() ? "h5cap://" : "h5cap+unix://" + encode(endpoint.socket, "");
    case Transport::tls:
    case Transport::tcp:
    case Transport::ssh:
      break;
  }
  auto isSsh = endpoint.transport == Transport::ssh;
  std::string text = isSsh ? "h5cap+ssh://" : endpoint.transport == Transport::tcp ? "h5cap+tcp://" : "h5cap://";
  if (!endpoint.user.empty()) text += encode(endpoint.user, "") + "@";
  auto isIpv6 = endpoint.host.find(':') != std::string::npos;
  text += isIpv6 ? "[" + encode(endpoint.host, ":") + "]" : encode(endpoint.host, "");
  if (endpoint.port != (isSsh ? 0 : defaultPort)) text += fmt::format(":{}", endpoint.port);
  return text;
}

std::string format(const Address& address) {
  auto text = format(address.endpoint);
  auto isSsh = address.endpoint.transport == Transport::ssh;
  // Without a path, the slash goes where the endpoint alone would be ambiguous.
  if (!isSsh && (!address.path.empty() || text.back() == '/')) text += '/';
  text += encode(address.path, PATH_CHARACTERS);
  char separator = '?';
  auto append = [&](const char* key, const std::optional<std::string>& value) {
    if (!value) return;
    text += separator;
    text += key;
    text += encode(*value, QUERY_CHARACTERS);
    separator = '&';
  };
  append("path=", address.object);
  append("slice=", address.slice);
  return text;
}

std::string defaultSocketPath() {
  const char* folder = std::getenv("XDG_RUNTIME_DIR");
  if (folder != nullptr && *folder != '\0') return std::string(folder) + "/h5cap.sock";
  return fmt::format("/tmp/h5cap-{}/h5cap.sock", getuid());
}

}  // namespace h5cap
