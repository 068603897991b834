// Addresses, slices and errors as people read and write them: tables of good and of bad cases.
#include <doctest/doctest.h>

#include <cstdlib>

#include "core/endpoint.h"
#include "core/slice-text.h"
#include "h5cap/error.h"
#include "random.h"

using namespace h5cap;

namespace {

struct GoodAddress {
  const char* text;
  Endpoint endpoint;
  const char* path;
  const char* object = nullptr;
  const char* slice = nullptr;
};

const GoodAddress GOOD_ADDRESSES[] = {
    {"h5cap://host/name/a.h5", {Transport::tls, "", "host", 5515, ""}, "name/a.h5"},
    {"h5cap://host:99/name/a.h5", {Transport::tls, "", "host", 99, ""}, "name/a.h5"},
    {"h5cap://[::1]:99/a.h5", {Transport::tls, "", "::1", 99, ""}, "a.h5"},
    {"h5cap+tcp://127.0.0.1:5515", {Transport::tcp, "", "127.0.0.1", 5515, ""}, ""},
    {"h5cap+tcp://[fe80::1]/x", {Transport::tcp, "", "fe80::1", 5515, ""}, "x"},
    {"h5cap:///name/a.h5", {Transport::unixSocket, "", "", 5515, ""}, "name/a.h5"},
    {"h5cap+unix://%2Frun%2Fh5cap.sock/name/a.h5",
     {Transport::unixSocket, "", "", 5515, "/run/h5cap.sock"},
     "name/a.h5"},
    {"h5cap+unix:///tmp/x.sock", {Transport::unixSocket, "", "", 5515, "/tmp/x.sock"}, ""},
    {"h5cap+ssh://alice@host/data/a.h5", {Transport::ssh, "alice", "host", 0, ""}, "/data/a.h5"},
    {"h5cap+ssh://host:2222/data/a.h5", {Transport::ssh, "", "host", 2222, ""}, "/data/a.h5"},
    {"h5cap+ssh://a%40b@[::1]/x", {Transport::ssh, "a@b", "::1", 0, ""}, "/x"},
    {"h5cap://h/a%20b%23c%5Bd%3F%25.h5", {Transport::tls, "", "h", 5515, ""}, "a b#c[d?%.h5"},
    {"h5cap://h/Probe%20%C3%BC.h5", {Transport::tls, "", "h", 5515, ""}, "Probe \xc3\xbc.h5"},
    {"h5cap://h/Probe \xc3\xbc [1].h5", {Transport::tls, "", "h", 5515, ""}, "Probe \xc3\xbc [1].h5"},
    {"h5cap://h/a.h5?path=/entry/data&slice=0,10:20",
     {Transport::tls, "", "h", 5515, ""},
     "a.h5",
     "/entry/data",
     "0,10:20"},
    {"h5cap://h/a.h5?slice=...&path=/a%26b", {Transport::tls, "", "h", 5515, ""}, "a.h5", "/a&b", "..."},
    {"h5cap://h/a.h5::/entry/data", {Transport::tls, "", "h", 5515, ""}, "a.h5", "/entry/data"},
    {"h5cap://h/a.h5::/entry/data?slice=1", {Transport::tls, "", "h", 5515, ""}, "a.h5", "/entry/data", "1"},
    {"h5cap://h/a%3A%3Ab.h5", {Transport::tls, "", "h", 5515, ""}, "a::b.h5"},
    {"h5cap://h/a.h5?path=", {Transport::tls, "", "h", 5515, ""}, "a.h5", ""},
};

const char* BAD_ADDRESSES[] = {
    "",          "host/a.h5",       "http://host/a.h5", "h5cap+tls://h/a",     "h5cap://h:/a",        "h5cap://h:0/a",
    "h5cap://h:65536/a", "h5cap://h:12x/a", "h5cap://h/a%2", "h5cap://h/a%zz",  "h5cap://h/a%00",      "h5cap://h/a#b",
    "h5cap://h/a?x=1", "h5cap://h/a?path", "h5cap://h/a?path=/x&path=/y", "h5cap://h/a::/x?path=/y", "h5cap://::1/a",
    "h5cap://[::1/a", "h5cap://[::1]x/a", "h5cap://[host]/a", "h5cap+tcp:///a", "h5cap+ssh:///a", "h5cap+ssh://@h/a",
    "h5cap://user@h/a", "h5cap+ssh://-oProxyCommand=x/a", "h5cap+ssh://-l@h/a", "h5cap+unix:///s.sock::/x",
    "h5cap://h%2Fx/a",
};

}  // namespace

TEST_CASE("good addresses mean what they say, and format to addresses that mean the same") {
  for (const auto& good : GOOD_ADDRESSES) {
    CAPTURE(good.text);
    auto address = parseAddress(good.text);
    auto check = [&](const Address& parsed) {
      CHECK(parsed.endpoint == good.endpoint);
      CHECK(parsed.path == good.path);
      CHECK(parsed.object.value_or("none") == (good.object ? good.object : "none"));
      CHECK(parsed.slice.value_or("none") == (good.slice ? good.slice : "none"));
    };
    check(address);
    auto text = format(address);
    CAPTURE(text);
    check(parseAddress(text));
    CHECK(parseAddress(format(address.endpoint)).endpoint == good.endpoint);
  }
}

TEST_CASE("bad addresses are refused, with the address in the message") {
  for (const auto* bad : BAD_ADDRESSES) {
    CAPTURE(bad);
    try {
      parseAddress(bad);
      FAIL_CHECK("accepted");
    } catch (const std::invalid_argument& error) {
      CHECK(std::string(error.what()).find("'" + std::string(bad) + "'") != std::string::npos);
    }
  }
}

TEST_CASE("any path survives formatting") {
  Random random(10);
  for (int trial = 0; trial < 2000; ++trial) {
    Address address;
    address.endpoint.transport = static_cast<Transport>(random.between(0, 3));
    auto text = [&] {
      std::string result;
      for (auto n = random.between(1, 8); n > 0; --n) result += static_cast<char>(random.between(1, 255));
      return result;
    };
    address.path = text();
    if (address.endpoint.transport == Transport::unixSocket) {
      address.endpoint.socket = random.chance(20) ? "" : text();
    } else {
      address.endpoint.host = random.chance(20) ? "::1" : "host";
    }
    if (address.endpoint.transport == Transport::ssh) {
      address.path = "/" + address.path;
      address.endpoint.port = random.chance(50) ? 0 : 22;
    }
    if (random.chance(50)) address.object = text();
    if (random.chance(50)) address.slice = text();
    auto formatted = format(address);
    CAPTURE(formatted);
    auto parsed = parseAddress(formatted);
    CHECK(parsed.endpoint == address.endpoint);
    CHECK(parsed.path == address.path);
    CHECK(parsed.object == address.object);
    CHECK(parsed.slice == address.slice);
  }
}

TEST_CASE("the default socket is the user's") {
  ::setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
  CHECK(defaultSocketPath() == "/run/user/7/h5cap.sock");
  ::unsetenv("XDG_RUNTIME_DIR");
  CHECK(defaultSocketPath().rfind("/tmp/h5cap-", 0) == 0);
}

TEST_CASE("slices are read as NumPy would and written back") {
  struct Case {
    const char* text;
    Selection selection;
    const char* formatted;
  };
  Case cases[] = {
      {"", {}, ""},
      {"0,10:20", {0, range(10, 20)}, "0,10:20"},
      {" ... , ::2 ", {ellipsis, range(0, Range::openEnd, 2)}, "...,::2"},
      {"[1, 5,7],:", {Indices{{1, 5, 7}}, all}, "[1,5,7],:"},
      {"-1,", {-1}, "-1"},
      {"-5:,:-1:3", {range(-5), range(0, -1, 3)}, "-5:,:-1:3"},
      {"[],+3", {Indices{}, 3}, "[],3"},
      {"-9223372036854775808", {std::numeric_limits<std::int64_t>::min()}, "-9223372036854775808"},
  };
  for (const auto& good : cases) {
    CAPTURE(good.text);
    CHECK(parseSlice(good.text) == good.selection);
    CHECK(formatSlice(good.selection) == good.formatted);
  }
  for (const auto* bad : {",", "1,,2", "a", "1.5", "1:2:3:4", "::0", "::-1", "[1", "1]", "[[1]]", "[1]2", "[1:2]",
                          "...,...", "9223372036854775808", "1 2", "+-1", "--1", ":x"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(parseSlice(bad), BadSelection);
  }
}

TEST_CASE("every error code has its class and survives being text") {
  for (int i = 0; i <= static_cast<int>(ErrorCode::unknownTicket); ++i) {
    auto code = static_cast<ErrorCode>(i);
    auto text = formatError(code, "/entry: gone [x]");
    CAPTURE(text);
    CHECK(parseError(text).code == code);
    CHECK(parseError(text).message == "/entry: gone [x]");
    try {
      raise(code, "message");
      FAIL("nothing was raised");
    } catch (const Error& error) {
      CHECK(error.code() == code);
      CHECK(std::string(error.what()) == "message");
      CHECK(dynamic_cast<const std::exception*>(&error) != nullptr);
    }
  }
  CHECK(parseError("[nonsense] x").message == "[nonsense] x");
  CHECK(parseError("[notFound").code == ErrorCode::failed);
  CHECK(parseError("plain").code == ErrorCode::failed);
  CHECK_THROWS_AS(raise(ErrorCode::deadline, ""), Busy);
  CHECK_THROWS_AS(raise(ErrorCode::changed, ""), FileError);
}
