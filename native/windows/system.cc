// Windows' socket options under pollport's names, and the constants that a program may pass back.

#include "../contract/system.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

#include "win.h"

namespace pollport {
namespace {

// Not in every SDK's headers (Microsoft Learn, "IPPROTO_TCP socket options" and "IPPROTO_IPV6
// socket options").
constexpr int kTcpKeepIdle = 3;
constexpr int kTcpKeepCount = 16;
constexpr int kTcpKeepInterval = 17;

enum class Form { kInteger, kBoolean, kSeconds, kMilliseconds, kLinger };

struct Option {
  const char* name;
  Form form;
  int level;
  int option;
  // The same for IPv6 sockets, where it differs.
  int level6 = 0;
  int option6 = 0;
};

// For option6: Windows has nothing of the kind.
constexpr int kNone = -1;

constexpr Option kOptions[] = {
    {"noDelay", Form::kBoolean, IPPROTO_TCP, TCP_NODELAY},
    {"keepAlive", Form::kBoolean, SOL_SOCKET, SO_KEEPALIVE},
    {"keepAliveIdleMs", Form::kSeconds, IPPROTO_TCP, kTcpKeepIdle},
    {"keepAliveIntervalMs", Form::kSeconds, IPPROTO_TCP, kTcpKeepInterval},
    {"keepAliveCount", Form::kInteger, IPPROTO_TCP, kTcpKeepCount},
    {"reuseAddress", Form::kBoolean, SOL_SOCKET, SO_REUSEADDR},
    {"exclusiveAddress", Form::kBoolean, SOL_SOCKET, SO_EXCLUSIVEADDRUSE},
    {"sendBufferSize", Form::kInteger, SOL_SOCKET, SO_SNDBUF},
    {"receiveBufferSize", Form::kInteger, SOL_SOCKET, SO_RCVBUF},
    {"lingerMs", Form::kLinger, SOL_SOCKET, SO_LINGER},
    {"broadcast", Form::kBoolean, SOL_SOCKET, SO_BROADCAST},
    {"ttl", Form::kInteger, IPPROTO_IP, IP_TTL, IPPROTO_IPV6, IPV6_UNICAST_HOPS},
    // The headers have a number for IPV6_TCLASS, but it names control data of WSASendMsg: there is
    // no such option (Microsoft Learn, "IPPROTO_IPV6 Socket Options").
    {"tos", Form::kInteger, IPPROTO_IP, IP_TOS, IPPROTO_IPV6, kNone},
    {"ipv6Only", Form::kBoolean, IPPROTO_IPV6, IPV6_V6ONLY},
    {"receiveTimeoutMs", Form::kMilliseconds, SOL_SOCKET, SO_RCVTIMEO},
    {"sendTimeoutMs", Form::kMilliseconds, SOL_SOCKET, SO_SNDTIMEO},
    {"multicastTtl", Form::kInteger, IPPROTO_IP, IP_MULTICAST_TTL, IPPROTO_IPV6,
     IPV6_MULTICAST_HOPS},
    {"multicastLoop", Form::kBoolean, IPPROTO_IP, IP_MULTICAST_LOOP, IPPROTO_IPV6,
     IPV6_MULTICAST_LOOP},
};

constexpr auto kNames = [] {
  std::array<const char*, std::size(kOptions)> names{};
  std::transform(std::begin(kOptions), std::end(kOptions), names.begin(),
                 [](const Option& option) { return option.name; });
  return names;
}();

#define POLLPORT_CONSTANT(name)         \
  {                                     \
#name, static_cast < int64_t>(name) \
  }
constexpr Constant kConstants[] = {
    POLLPORT_CONSTANT(SOL_SOCKET),
    POLLPORT_CONSTANT(SO_REUSEADDR),
    POLLPORT_CONSTANT(SO_EXCLUSIVEADDRUSE),
    POLLPORT_CONSTANT(SO_KEEPALIVE),
    POLLPORT_CONSTANT(SO_SNDBUF),
    POLLPORT_CONSTANT(SO_RCVBUF),
    POLLPORT_CONSTANT(SO_BROADCAST),
    POLLPORT_CONSTANT(SO_TYPE),
    POLLPORT_CONSTANT(SO_ERROR),
    POLLPORT_CONSTANT(SO_ACCEPTCONN),
    POLLPORT_CONSTANT(SO_LINGER),
    POLLPORT_CONSTANT(SO_CONNECT_TIME),
    POLLPORT_CONSTANT(IPPROTO_IP),
    POLLPORT_CONSTANT(IPPROTO_IPV6),
    POLLPORT_CONSTANT(IPPROTO_TCP),
    POLLPORT_CONSTANT(IPPROTO_UDP),
    POLLPORT_CONSTANT(IP_TTL),
    POLLPORT_CONSTANT(IP_TOS),
    POLLPORT_CONSTANT(IPV6_V6ONLY),
    POLLPORT_CONSTANT(IPV6_UNICAST_HOPS),
    POLLPORT_CONSTANT(TCP_NODELAY),
    {"TCP_KEEPIDLE", kTcpKeepIdle},
    {"TCP_KEEPINTVL", kTcpKeepInterval},
    {"TCP_KEEPCNT", kTcpKeepCount},
};
#undef POLLPORT_CONSTANT

Result set(Handle handle, int level, int name, const void* value, int length) {
  const auto* bytes = static_cast<const char*>(value);
  return setsockopt(static_cast<SOCKET>(handle), level, name, bytes, length) == 0
             ? 0
             : -static_cast<Result>(WSAGetLastError());
}

Result get(Handle handle, int level, int name, void* value, int length) {
  auto* bytes = static_cast<char*>(value);
  return getsockopt(static_cast<SOCKET>(handle), level, name, bytes, &length) == 0
             ? 0
             : -static_cast<Result>(WSAGetLastError());
}

Result set_integer(Handle handle, int level, int name, int value) {
  return set(handle, level, name, &value, sizeof value);
}

const Option* find(int32_t option) {
  return option >= 0 && static_cast<size_t>(option) < std::size(kOptions) ? &kOptions[option]
                                                                          : nullptr;
}

// Level and name for the socket's own family.
Result resolve(Handle handle, const Option& option, int& level, int& name) {
  level = option.level;
  name = option.option;
  if (option.level6 == 0) return 0;
  WSAPROTOCOL_INFOW protocol{};
  if (const Result got = get(handle, SOL_SOCKET, SO_PROTOCOL_INFOW, &protocol, sizeof protocol);
      got < 0)
    return got;
  if (protocol.iAddressFamily != AF_INET6) return 0;
  if (option.option6 == kNone) return -static_cast<Result>(WSAEOPNOTSUPP);
  level = option.level6;
  name = option.option6;
  return 0;
}

// A dual-stack socket keeps a value of its own for its IPv4 peers. One that is bound to an address
// of IPv6 has none, and Windows answers WSAEINVAL, as a public report has it of Windows 10; nothing
// is lost by passing it over.
Result set_for_ipv4_peers(Handle handle, const Option& option, int value) {
  int only_ipv6 = 0;
  if (const Result got = get(handle, IPPROTO_IPV6, IPV6_V6ONLY, &only_ipv6, sizeof only_ipv6);
      got < 0)
    return got;
  if (only_ipv6 != 0) return 0;
  const Result result = set_integer(handle, option.level, option.option, value);
  return result == -static_cast<Result>(WSAEINVAL) ? 0 : result;
}

int whole_seconds(double ms) { return static_cast<int>(std::ceil(ms / 1000)); }

}  // namespace

const char* backend_name() { return "iocp"; }

Result start_sockets() {
  WSADATA data{};
  // Counted by the system; the process's end takes it back.
  static const int error = WSAStartup(MAKEWORD(2, 2), &data);
  return -static_cast<Result>(error);
}

// GetQueuedCompletionStatusEx counts whole milliseconds.
bool waits_for_fractions() { return false; }

std::span<const Constant> constants() { return kConstants; }
std::span<const char* const> option_names() { return kNames; }

Result set_option(Handle handle, int32_t index, double value) {
  const Option* option = find(index);
  if (option == nullptr) return -static_cast<Result>(WSAENOPROTOOPT);
  int level = 0;
  int name = 0;
  if (const Result resolved = resolve(handle, *option, level, name); resolved < 0) return resolved;
  switch (option->form) {
    case Form::kSeconds:
      return set_integer(handle, level, name, whole_seconds(value));
    case Form::kMilliseconds:
      return set_integer(handle, level, name, static_cast<int>(std::ceil(value)));
    case Form::kLinger: {
      linger lingering{};
      lingering.l_onoff = value < 0 ? 0 : 1;
      lingering.l_linger = value < 0 ? u_short{0} : static_cast<u_short>(whole_seconds(value));
      return set(handle, level, name, &lingering, sizeof lingering);
    }
    default: {
      const Result result = set_integer(handle, level, name, static_cast<int>(value));
      return result < 0 || level == option->level
                 ? result
                 : set_for_ipv4_peers(handle, *option, static_cast<int>(value));
    }
  }
}

Result get_option(Handle handle, int32_t index, double& value) {
  const Option* option = find(index);
  if (option == nullptr) return -static_cast<Result>(WSAENOPROTOOPT);
  int level = 0;
  int name = 0;
  if (const Result resolved = resolve(handle, *option, level, name); resolved < 0) return resolved;
  if (option->form == Form::kLinger) {
    linger lingering{};
    const Result result = get(handle, level, name, &lingering, sizeof lingering);
    value = lingering.l_onoff == 0 ? static_cast<double>(kLingerOff) : lingering.l_linger * 1000.0;
    return result;
  }
  int integer = 0;
  const Result result = get(handle, level, name, &integer, sizeof integer);
  value = option->form == Form::kSeconds   ? integer * 1000.0
          : option->form == Form::kBoolean ? (integer != 0 ? 1 : 0)
                                           : integer;
  return result;
}

}  // namespace pollport
