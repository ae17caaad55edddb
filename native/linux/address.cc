// inet_pton(3), inet_ntop(3) and the names of interfaces.

#include "address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>

#include <array>
#include <charconv>
#include <cstring>

namespace pollport {
namespace {

// A scope is an interface's name or its number; 0 = neither.
uint32_t parse_scope(const std::string& scope) {
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(scope.data(), scope.data() + scope.size(), number);
  if (error == std::errc() && end == scope.data() + scope.size()) return number;
  return if_nametoindex(scope.c_str());
}

}  // namespace

bool parse_address(const std::string& text, uint16_t port, PackedAddress& out) {
  out = {};
  out.port = port;
  // A NUL inside would end the text early for the C functions below.
  if (text.find('\0') != std::string::npos) return false;
  if (inet_pton(AF_INET, text.c_str(), out.bytes) == 1) {
    out.family = 4;
    return true;
  }
  out.family = 6;
  const size_t percent = text.find('%');
  if (percent != std::string::npos) {
    out.scope = parse_scope(text.substr(percent + 1));
    if (out.scope == 0) return false;
  }
  return inet_pton(AF_INET6, text.substr(0, percent).c_str(), out.bytes) == 1;
}

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
