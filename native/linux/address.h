// Packed addresses as Linux's sockaddr and back.
#pragma once

#include <sys/socket.h>

#include "../contract/address.h"

namespace pollport {

socklen_t to_sockaddr(const PackedAddress& packed, sockaddr_storage& out);
// False for a family that is neither IPv4 nor IPv6; `out` is all zero then.
bool from_sockaddr(const sockaddr_storage& address, socklen_t length, PackedAddress& out);

// Safe: sockaddr_storage is made to be seen as any sockaddr (POSIX, <sys/socket.h>).
inline sockaddr* as_sockaddr(sockaddr_storage& address) {
  return reinterpret_cast<sockaddr*>(&address);
}

}  // namespace pollport
