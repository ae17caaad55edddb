// A packed address: how an end point crosses between TypeScript and native code. Refuses to know
// sockaddr.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace pollport {

// The same layout as PACKED_ADDRESS in lib/binding/records.ts; both systems are little-endian.
struct PackedAddress {
  uint8_t family;  // 4 or 6
  uint8_t flag;    // 1 = the datagram was truncated
  uint16_t port;
  uint32_t scope;
  uint8_t bytes[16];  // network order; IPv4 uses the first four
};
static_assert(sizeof(PackedAddress) == 24);
static_assert(offsetof(PackedAddress, port) == 2);
static_assert(offsetof(PackedAddress, scope) == 4);
static_assert(offsetof(PackedAddress, bytes) == 8);

// Supplied by each system. parse_address is false for anything but a numeric address.
bool parse_address(const std::string& text, uint16_t port, PackedAddress& out);
std::string format_address(const PackedAddress& address);

}  // namespace pollport
