// inet_pton(3), inet_ntop(3) and the names of interfaces.

#include "address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>

#include <array>
#include <cstring>

namespace pollport {

bool parse_bytes(uint8_t family, const char* text, uint8_t* bytes) {
  return inet_pton(family == 4 ? AF_INET : AF_INET6, text, bytes) == 1;
}

uint32_t interface_number(const char* name) { return if_nametoindex(name); }

std::string format_address(const PackedAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (inet_ntop(address.family == 4 ? AF_INET : AF_INET6, address.bytes, text.data(),
                text.size()) == nullptr)
    return {};
  std::string formatted(text.data());
  if (address.family == 4 || address.scope == 0) return formatted;
  std::array<char, IF_NAMESIZE> name{};
  // An interface may be gone since: then its number has to do.
  return formatted + '%' +
         (if_indextoname(address.scope, name.data()) != nullptr ? name.data()
                                                                : std::to_string(address.scope));
}

socklen_t to_sockaddr(const PackedAddress& packed, sockaddr_storage& out) {
  if (packed.family == 4) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(packed.port);
    std::memcpy(&address.sin_addr, packed.bytes, sizeof address.sin_addr);
    std::memcpy(&out, &address, sizeof address);
    return sizeof address;
  }
  // No family: a length of 0 makes every call refuse it.
  if (packed.family != 6) return 0;
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(packed.port);
  address.sin6_scope_id = packed.scope;
  std::memcpy(&address.sin6_addr, packed.bytes, sizeof address.sin6_addr);
  std::memcpy(&out, &address, sizeof address);
  return sizeof address;
}

bool from_sockaddr(const sockaddr_storage& address, socklen_t length, PackedAddress& out) {
  out = {};
  if (address.ss_family == AF_INET && length >= sizeof(sockaddr_in)) {
    sockaddr_in ipv4{};
    std::memcpy(&ipv4, &address, sizeof ipv4);
    out.family = 4;
    out.port = ntohs(ipv4.sin_port);
    std::memcpy(out.bytes, &ipv4.sin_addr, sizeof ipv4.sin_addr);
    return true;
  }
  if (address.ss_family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
    sockaddr_in6 ipv6{};
    std::memcpy(&ipv6, &address, sizeof ipv6);
    out.family = 6;
    out.port = ntohs(ipv6.sin6_port);
    out.scope = ipv6.sin6_scope_id;
    std::memcpy(out.bytes, &ipv6.sin6_addr, sizeof ipv6.sin6_addr);
    return true;
  }
  return false;
}

}  // namespace pollport
