// Addresses: h5cap://, h5cap+tcp://, h5cap+unix://, h5cap+ssh://, with RFC 3986 percent-encoding.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace h5cap {

enum class Transport { tls, tcp, unixSocket, ssh };

inline constexpr std::uint16_t defaultPort = 5515;

struct Endpoint {
  Transport transport = Transport::tls;
  std::string user;      // ssh
  std::string host;      // tls, tcp, ssh; IPv6 without its brackets
  std::uint16_t port = defaultPort;  // ssh: 0 means ssh's own default
  std::string socket;    // unixSocket: a path; empty means the user's default socket
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

struct Address {
  Endpoint endpoint;
  std::string path;                    // decoded, without the leading slash (ssh: with it): "raw/run42/scan.nxs"
  std::optional<std::string> object;   // ?path=/entry/data/data, or file.h5::/path
  std::optional<std::string> slice;    // ?slice=0,10:20, undecoded grammar of `parseSlice`
};

// `h5cap://host[:port]/name/path.h5`, `h5cap+unix://%2Frun%2Fh5cap.sock/name/path.h5`, `h5cap:///name/path.h5` (the
// user's default socket), and so on.  Throws std::invalid_argument (BadSelection is for selections) naming what is
// wrong and where.
Address parseAddress(std::string_view text);

// The inverse: parseAddress(format(a)) == a, field by field.
std::string format(const Address& address);
std::string format(const Endpoint& endpoint);

// $XDG_RUNTIME_DIR/h5cap.sock, else /tmp/h5cap-UID/h5cap.sock.
std::string defaultSocketPath();

}  // namespace h5cap
