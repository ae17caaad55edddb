// Linux's socket options under pollport's names, and the constants that a program may pass back.

#include "../contract/system.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <iterator>

#include "epoll.h"

namespace pollport {
namespace {

enum class Form { kInteger, kBoolean, kSeconds, kTimeval, kLinger, kExclusive };

struct Option {
  const char* name;
  Form form;
  int level;
  int option;
  // The same for IPv6 sockets, where it differs.
  int level6 = 0;
  int option6 = 0;
};

constexpr Option kOptions[] = {
    {"noDelay", Form::kBoolean, IPPROTO_TCP, TCP_NODELAY},
    {"keepAlive", Form::kBoolean, SOL_SOCKET, SO_KEEPALIVE},
    {"keepAliveIdleMs", Form::kSeconds, IPPROTO_TCP, TCP_KEEPIDLE},
    {"keepAliveIntervalMs", Form::kSeconds, IPPROTO_TCP, TCP_KEEPINTVL},
    {"keepAliveCount", Form::kInteger, IPPROTO_TCP, TCP_KEEPCNT},
    {"reuseAddress", Form::kBoolean, SOL_SOCKET, SO_REUSEADDR},
    {"reusePort", Form::kBoolean, SOL_SOCKET, SO_REUSEPORT},
    {"exclusiveAddress", Form::kExclusive, SOL_SOCKET, SO_REUSEADDR},
    {"sendBufferSize", Form::kInteger, SOL_SOCKET, SO_SNDBUF},
    {"receiveBufferSize", Form::kInteger, SOL_SOCKET, SO_RCVBUF},
    {"lingerMs", Form::kLinger, SOL_SOCKET, SO_LINGER},
    {"broadcast", Form::kBoolean, SOL_SOCKET, SO_BROADCAST},
    {"ttl", Form::kInteger, IPPROTO_IP, IP_TTL, IPPROTO_IPV6, IPV6_UNICAST_HOPS},
    {"tos", Form::kInteger, IPPROTO_IP, IP_TOS, IPPROTO_IPV6, IPV6_TCLASS},
    {"ipv6Only", Form::kBoolean, IPPROTO_IPV6, IPV6_V6ONLY},
    {"receiveTimeoutMs", Form::kTimeval, SOL_SOCKET, SO_RCVTIMEO},
    {"sendTimeoutMs", Form::kTimeval, SOL_SOCKET, SO_SNDTIMEO},
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

#define POLLPORT_CONSTANT(name) \
  {                             \
#name, name                 \
  }
constexpr Constant kConstants[] = {
    POLLPORT_CONSTANT(EPOLLIN),        POLLPORT_CONSTANT(EPOLLOUT),
    POLLPORT_CONSTANT(EPOLLPRI),       POLLPORT_CONSTANT(EPOLLERR),
    POLLPORT_CONSTANT(EPOLLHUP),       POLLPORT_CONSTANT(EPOLLRDHUP),
    POLLPORT_CONSTANT(EPOLLET),        POLLPORT_CONSTANT(EPOLLONESHOT),
    POLLPORT_CONSTANT(EPOLLEXCLUSIVE), POLLPORT_CONSTANT(EPOLLWAKEUP),
    POLLPORT_CONSTANT(SOL_SOCKET),     POLLPORT_CONSTANT(SO_REUSEADDR),
    POLLPORT_CONSTANT(SO_REUSEPORT),   POLLPORT_CONSTANT(SO_KEEPALIVE),
    POLLPORT_CONSTANT(SO_SNDBUF),      POLLPORT_CONSTANT(SO_RCVBUF),
    POLLPORT_CONSTANT(SO_RCVLOWAT),    POLLPORT_CONSTANT(SO_BROADCAST),
    POLLPORT_CONSTANT(SO_TYPE),        POLLPORT_CONSTANT(SO_ERROR),
    POLLPORT_CONSTANT(SO_DOMAIN),      POLLPORT_CONSTANT(SO_ACCEPTCONN),
    POLLPORT_CONSTANT(SO_PRIORITY),    POLLPORT_CONSTANT(SO_MARK),
    POLLPORT_CONSTANT(SO_BUSY_POLL),   POLLPORT_CONSTANT(SO_INCOMING_CPU),
    POLLPORT_CONSTANT(IPPROTO_IP),     POLLPORT_CONSTANT(IPPROTO_IPV6),
    POLLPORT_CONSTANT(IPPROTO_TCP),    POLLPORT_CONSTANT(IPPROTO_UDP),
    POLLPORT_CONSTANT(IP_TTL),         POLLPORT_CONSTANT(IP_TOS),
    POLLPORT_CONSTANT(IP_RECVERR),     POLLPORT_CONSTANT(IP_MTU_DISCOVER),
    POLLPORT_CONSTANT(IPV6_RECVERR),   POLLPORT_CONSTANT(IPV6_V6ONLY),
    POLLPORT_CONSTANT(IPV6_TCLASS),    POLLPORT_CONSTANT(IPV6_UNICAST_HOPS),
    POLLPORT_CONSTANT(TCP_NODELAY),    POLLPORT_CONSTANT(TCP_MAXSEG),
    POLLPORT_CONSTANT(TCP_CORK),       POLLPORT_CONSTANT(TCP_KEEPIDLE),
    POLLPORT_CONSTANT(TCP_KEEPINTVL),  POLLPORT_CONSTANT(TCP_KEEPCNT),
    POLLPORT_CONSTANT(TCP_SYNCNT),     POLLPORT_CONSTANT(TCP_DEFER_ACCEPT),
    POLLPORT_CONSTANT(TCP_INFO),       POLLPORT_CONSTANT(TCP_QUICKACK),
    POLLPORT_CONSTANT(TCP_CONGESTION), POLLPORT_CONSTANT(TCP_USER_TIMEOUT),
    POLLPORT_CONSTANT(TCP_FASTOPEN),   POLLPORT_CONSTANT(TCP_NOTSENT_LOWAT),
};
#undef POLLPORT_CONSTANT

Result set(Handle handle, int level, int name, const void* value, socklen_t length) {
  return setsockopt(static_cast<int>(handle), level, name, value, length) == 0 ? 0 : -errno;
}

Result get(Handle handle, int level, int name, void* value, socklen_t length) {
  return getsockopt(static_cast<int>(handle), level, name, value, &length) == 0 ? 0 : -errno;
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
  int domain = 0;
  if (const Result got = get(handle, SOL_SOCKET, SO_DOMAIN, &domain, sizeof domain); got < 0)
    return got;
  if (domain != AF_INET6) return 0;
  level = option.level6;
  name = option.option6;
  return 0;
}

int whole_seconds(double ms) { return static_cast<int>(std::ceil(ms / 1000)); }

}  // namespace

const char* backend_name() { return "epoll"; }
Result start_sockets() { return 0; }
bool waits_for_fractions() { return Epoll::has_fine_timeouts(); }
std::span<const Constant> constants() { return kConstants; }
std::span<const char* const> option_names() { return kNames; }

Result set_option(Handle handle, int32_t index, double value) {
  const Option* option = find(index);
  if (option == nullptr) return -ENOPROTOOPT;
  int level = 0;
  int name = 0;
  if (const Result resolved = resolve(handle, *option, level, name); resolved < 0) return resolved;
  switch (option->form) {
    case Form::kSeconds:
      return set_integer(handle, level, name, whole_seconds(value));
    case Form::kTimeval: {
      const double microseconds = std::ceil(value * 1000);
      timeval timeout{};
      timeout.tv_sec = static_cast<time_t>(std::floor(microseconds / 1e6));
      timeout.tv_usec =
          static_cast<suseconds_t>(microseconds - static_cast<double>(timeout.tv_sec) * 1e6);
      return set(handle, level, name, &timeout, sizeof timeout);
    }
    case Form::kLinger: {
      const linger lingering{value < 0 ? 0 : 1, value < 0 ? 0 : whole_seconds(value)};
      return set(handle, level, name, &lingering, sizeof lingering);
    }
    case Form::kExclusive: {
      // A Linux socket has its address for itself unless an option says otherwise.
      if (value == 0) return 0;
      const Result address = set_integer(handle, SOL_SOCKET, SO_REUSEADDR, 0);
      return address < 0 ? address : set_integer(handle, SOL_SOCKET, SO_REUSEPORT, 0);
    }
    default: {
      const Result result = set_integer(handle, level, name, static_cast<int>(value));
      // A dual-stack socket keeps a value of its own for its IPv4 peers.
      return result < 0 || level == option->level
                 ? result
                 : set_integer(handle, option->level, option->option, static_cast<int>(value));
    }
  }
}

Result get_option(Handle handle, int32_t index, double& value) {
  const Option* option = find(index);
  if (option == nullptr) return -ENOPROTOOPT;
  int level = 0;
  int name = 0;
  if (const Result resolved = resolve(handle, *option, level, name); resolved < 0) return resolved;
  Result result = 0;
  switch (option->form) {
    case Form::kTimeval: {
      timeval timeout{};
      result = get(handle, level, name, &timeout, sizeof timeout);
      value =
          static_cast<double>(timeout.tv_sec) * 1000 + static_cast<double>(timeout.tv_usec) / 1000;
      return result;
    }
    case Form::kLinger: {
      linger lingering{};
      result = get(handle, level, name, &lingering, sizeof lingering);
      value =
          lingering.l_onoff == 0 ? static_cast<double>(kLingerOff) : lingering.l_linger * 1000.0;
      return result;
    }
    case Form::kExclusive: {
      int address = 0;
      int port = 0;
      result = get(handle, SOL_SOCKET, SO_REUSEADDR, &address, sizeof address);
      if (result == 0) result = get(handle, SOL_SOCKET, SO_REUSEPORT, &port, sizeof port);
      value = address == 0 && port == 0 ? 1 : 0;
      return result;
    }
    default: {
      int integer = 0;
      result = get(handle, level, name, &integer, sizeof integer);
      value = option->form == Form::kSeconds   ? integer * 1000.0
              : option->form == Form::kBoolean ? (integer != 0 ? 1 : 0)
                                               : integer;
      return result;
    }
  }
}

}  // namespace pollport
