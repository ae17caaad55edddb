// IP_ADD_MEMBERSHIP and IPV6_ADD_MEMBERSHIP, and GetAdaptersAddresses to find the interface that
// has an address.

#include <algorithm>
#include <cstring>
#include <memory>

#include "../contract/socket.h"
#include "address.h"

namespace pollport {
namespace {

template <typename Request>
Result set(Handle handle, int level, int name, const Request& request) {
  // Safe: any object may be seen as char, which is how Winsock takes the values of options.
  const auto* bytes = reinterpret_cast<const char*>(&request);
  return setsockopt(static_cast<SOCKET>(handle), level, name, bytes, sizeof request) == 0
             ? 0
             : -static_cast<Result>(WSAGetLastError());
}

bool is_any(const PackedAddress& address) {
  const auto* begin = address.bytes;
  return std::all_of(begin, begin + (address.family == 4 ? 4 : 16),
                     [](uint8_t byte) { return byte == 0; });
}

bool has_address(const IP_ADAPTER_ADDRESSES& adapter, const PackedAddress& address) {
  for (const auto* entry = adapter.FirstUnicastAddress; entry != nullptr; entry = entry->Next) {
    sockaddr_storage native{};
    const int length = entry->Address.iSockaddrLength;
    if (length <= 0 || static_cast<size_t>(length) > sizeof native) continue;
    std::memcpy(&native, entry->Address.lpSockaddr, static_cast<size_t>(length));
    PackedAddress theirs{};
    if (!from_sockaddr(native, length, theirs) || theirs.family != address.family) continue;
    if (std::memcmp(theirs.bytes, address.bytes, address.family == 4 ? 4 : 16) == 0) return true;
  }
  return false;
}

// The number of the interface that has this address, or minus the error.
Result interface_with(const PackedAddress& address) {
  constexpr ULONG kFlags = GAA_FLAG_SKIP_ANYCAST | GAA_FLAG_SKIP_MULTICAST |
                           GAA_FLAG_SKIP_DNS_SERVER | GAA_FLAG_SKIP_FRIENDLY_NAME;
  // The size that suffices for most machines (Microsoft Learn, "GetAdaptersAddresses function");
  // the list may grow between two calls.
  ULONG size = 15 * 1024;
  for (int attempt = 0; attempt < 3; attempt++) {
    const auto memory = std::make_unique<uint8_t[]>(size);
    // Safe: operator new[] gives memory that is aligned for any such structure, and the call writes
    // the list there.
    auto* list = reinterpret_cast<IP_ADAPTER_ADDRESSES*>(memory.get());
    const ULONG error = GetAdaptersAddresses(address.family == 4 ? AF_INET : AF_INET6, kFlags,
                                             nullptr, list, &size);
    if (error == ERROR_BUFFER_OVERFLOW) continue;
    if (error == ERROR_NO_DATA) break;
    if (error != ERROR_SUCCESS) return -static_cast<Result>(error);
    for (const IP_ADAPTER_ADDRESSES* adapter = list; adapter != nullptr; adapter = adapter->Next) {
      if (!has_address(*adapter, address)) continue;
      // Either may be 0 where one of the protocols is missing (Microsoft Learn,
      // "IP_ADAPTER_ADDRESSES_LH structure"), which is no interface.
      const DWORD number = adapter->Ipv6IfIndex != 0 ? adapter->Ipv6IfIndex : adapter->IfIndex;
      if (number != 0) return number;
    }
    break;
  }
  return -static_cast<Result>(WSAEADDRNOTAVAIL);
}

}  // namespace

Result join_multicast(Handle handle, const PackedAddress& group,
                      const PackedAddress* interface_address, bool join) {
  // An interface named by its number, or the system's choice.
  Result found = 0;
  if (interface_address != nullptr && interface_address->scope != 0) {
    found = interface_address->scope;
  } else if (interface_address != nullptr && !is_any(*interface_address)) {
    // Of an IPv4 address too: 0.0.0.7 would be the interface of that number to Windows (Microsoft
    // Learn, "ip_mreq structure").
    found = interface_with(*interface_address);
    if (found < 0) return found;
  }
  if (group.family == 4) {
    ip_mreq request{};
    std::memcpy(&request.imr_multiaddr, group.bytes, sizeof request.imr_multiaddr);
    if (interface_address != nullptr)
      std::memcpy(&request.imr_interface, interface_address->bytes, sizeof request.imr_interface);
    return set(handle, IPPROTO_IP, join ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP, request);
  }
  ipv6_mreq request{};
  std::memcpy(&request.ipv6mr_multiaddr, group.bytes, sizeof request.ipv6mr_multiaddr);
  request.ipv6mr_interface = found != 0 ? static_cast<ULONG>(found) : group.scope;
  return set(handle, IPPROTO_IPV6, join ? IPV6_ADD_MEMBERSHIP : IPV6_DROP_MEMBERSHIP, request);
}

}  // namespace pollport
