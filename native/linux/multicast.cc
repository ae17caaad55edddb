// IP_ADD_MEMBERSHIP and IPV6_JOIN_GROUP, and getifaddrs(3) to find the interface that has an
// address.

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "../contract/socket.h"

namespace pollport {
namespace {

Result set(Handle handle, int level, int name, const void* request, socklen_t length) {
  return setsockopt(static_cast<int>(handle), level, name, request, length) == 0 ? 0 : -errno;
}

// The number of the interface that has this IPv6 address, or minus the error.
Result interface_with(const PackedAddress& address) {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return -errno;
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, freeifaddrs);
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_INET6) continue;
    sockaddr_in6 theirs{};
    std::memcpy(&theirs, entry->ifa_addr, sizeof theirs);
    if (std::memcmp(&theirs.sin6_addr, address.bytes, sizeof theirs.sin6_addr) == 0)
      return if_nametoindex(entry->ifa_name);
  }
  return -EADDRNOTAVAIL;
}

Result join_ipv4(Handle handle, const PackedAddress& group, const PackedAddress* interface_address,
                 bool join) {
  ip_mreqn request{};
  std::memcpy(&request.imr_multiaddr, group.bytes, sizeof request.imr_multiaddr);
  if (interface_address != nullptr)
    std::memcpy(&request.imr_address, interface_address->bytes, sizeof request.imr_address);
  const Result result = set(handle, IPPROTO_IP, join ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP,
                            &request, sizeof request);
  // The kernel looks for the interface itself, and says that there is no such device.
  return result == -ENODEV && request.imr_address.s_addr != INADDR_ANY ? -EADDRNOTAVAIL : result;
}

Result join_ipv6(Handle handle, const PackedAddress& group, const PackedAddress* interface_address,
                 bool join) {
  ipv6_mreq request{};
  std::memcpy(&request.ipv6mr_multiaddr, group.bytes, sizeof request.ipv6mr_multiaddr);
  request.ipv6mr_interface = group.scope;
  if (interface_address != nullptr) {
    const auto* begin = interface_address->bytes;
    const bool is_any = std::all_of(begin, begin + sizeof interface_address->bytes,
                                    [](uint8_t byte) { return byte == 0; });
    if (interface_address->scope != 0) {
      request.ipv6mr_interface = interface_address->scope;
    } else if (!is_any) {
      const Result found = interface_with(*interface_address);
      if (found < 0) return found;
      request.ipv6mr_interface = static_cast<unsigned>(found);
    }
  }
  return set(handle, IPPROTO_IPV6, join ? IPV6_JOIN_GROUP : IPV6_LEAVE_GROUP, &request,
             sizeof request);
}

}  // namespace

Result join_multicast(Handle handle, const PackedAddress& group,
                      const PackedAddress* interface_address, bool join) {
  return group.family == 4 ? join_ipv4(handle, group, interface_address, join)
                           : join_ipv6(handle, group, interface_address, join);
}

}  // namespace pollport
