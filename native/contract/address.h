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

// False for anything but a numeric address.
bool parse_address(const std::string& text, uint16_t port, PackedAddress& out);

// Supplied by each system in its own address.cc.
std::string format_address(const PackedAddress& address);
// inet_pton() into PackedAddress::bytes; `family` is 4 or 6.
bool parse_bytes(uint8_t family, const char* text, uint8_t* bytes);
// The number of the interface with that name; 0 = none has it.
uint32_t interface_number(const char* name);

}  // namespace pollport
