// What the exchange does to sockets beside the calls of contract/socket.h.
#pragma once

#include <cstdint>

#include "unique.h"

namespace pollport {

// Whether a UDP socket reports datagrams that came back: SIO_UDP_CONNRESET and SIO_UDP_NETRESET.
void report_unreachable(SOCKET socket, bool on);
// Many outgoing connections: a bind to port 0 takes a port that no other socket has, of which there
// are 16,384, whatever the peers are. With this option the port is chosen when the peer is known,
// and connections to different peers share ports, as connect() without a bind has it by itself
// (Microsoft Learn, "SOL_SOCKET Socket Options", SO_REUSE_UNICASTPORT: Windows 10). Optional:
// without it there are fewer ports.
void share_ports(SOCKET socket);
// closesocket() will send a reset.
void make_abortive(SOCKET socket);
// What SO_LINGER makes of a release (kRelease…): no time makes a reset of a close. A time is
// switched off: with one, closesocket() blocks, or fails on a non-blocking socket and closes
// nothing (Microsoft Learn, "closesocket function").
int32_t as_lingering_says(SOCKET socket, int32_t how);
// closesocket(), and its number means nothing any more.
void close_and_forget(UniqueSocket& socket);

}  // namespace pollport
