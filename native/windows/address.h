// Packed addresses as Winsock's sockaddr and back.
#pragma once

#include "../contract/address.h"
#include "win.h"

namespace pollport {

int to_sockaddr(const PackedAddress& packed, sockaddr_storage& out);
// False for a family that is neither IPv4 nor IPv6; `out` is all zero then.
bool from_sockaddr(const sockaddr_storage& address, int length, PackedAddress& out);

// Safe: SOCKADDR_STORAGE is made to be seen as any sockaddr (Microsoft Learn, "SOCKADDR_STORAGE
// structure").
inline sockaddr* as_sockaddr(sockaddr_storage& address) {
  return reinterpret_cast<sockaddr*>(&address);
}

}  // namespace pollport
