// The socket calls, one function each; every system supplies them in its own socket.cc,
// join_multicast in its multicast.cc. All follow result.h; none throws, and all but join_multicast
// allocate nothing.
#pragma once

#include <cstdint>
#include <span>

#include "address.h"
#include "result.h"

namespace pollport {

enum class SocketType : int32_t { kTcp = 0, kUdp = 1 };
enum class Shutdown : int32_t { kRead = 0, kWrite = 1, kBoth = 2 };

// Bits of describe_socket's answer.
constexpr Result kDescribeUdp = 1;
constexpr Result kDescribeIpv6 = 2;
constexpr Result kDescribeListening = 4;
constexpr Result kDescribeConnected = 8;

Result open_socket(SocketType type, bool ipv6, bool non_blocking);
Result close_socket(Handle handle);
Result reset_socket(Handle handle);
Result bind_socket(Handle handle, const PackedAddress& address);
// bind_socket() of a socket that is going to connect. Port 0 is chosen when the peer is known, so
// that connections to different peers share ports: there are more peers than ports.
Result bind_to_connect(Handle handle, const PackedAddress& address);
Result listen_socket(Handle handle, int32_t backlog);
// The accepted socket blocks, whatever the listener does.
Result accept_socket(Handle handle, PackedAddress& peer);
Result connect_socket(Handle handle, const PackedAddress& address);
Result send_socket(Handle handle, std::span<const uint8_t> bytes);
Result recv_socket(Handle handle, std::span<uint8_t> into);
Result send_to_socket(Handle handle, std::span<const uint8_t> bytes, const PackedAddress& to);
// peer.flag is 1 when the datagram was longer than `into`.
Result recv_from_socket(Handle handle, std::span<uint8_t> into, PackedAddress& peer);
Result shutdown_socket(Handle handle, Shutdown how);
Result set_non_blocking(Handle handle, bool on);
Result get_non_blocking(Handle handle);
Result local_address(Handle handle, PackedAddress& out);
Result remote_address(Handle handle, PackedAddress& out);
// SO_ERROR as a positive number, cleared by the reading.
Result take_error(Handle handle);
Result describe_socket(Handle handle);
Result set_raw_option(Handle handle, int32_t level, int32_t name, std::span<const uint8_t> value);
Result get_raw_option(Handle handle, int32_t level, int32_t name, std::span<uint8_t> into);
// The interface that has the address, or, of IPv6, the one of its scope. No interface, or the
// address that means any: the system's choice.
Result join_multicast(Handle handle, const PackedAddress& group,
                      const PackedAddress* interface_address, bool join);

}  // namespace pollport
