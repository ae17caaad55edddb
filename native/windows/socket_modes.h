// What the exchange does to sockets beside the calls of contract/socket.h.
#pragma once

#include "unique.h"

namespace pollport {

// Whether a UDP socket hears of datagrams that came back: SIO_UDP_CONNRESET and SIO_UDP_NETRESET.
void report_unreachable(SOCKET socket, bool on);
// closesocket() will send a reset.
void make_abortive(SOCKET socket);
// closesocket(), and its number means nothing any more.
void close_and_forget(UniqueSocket& socket);

}  // namespace pollport
