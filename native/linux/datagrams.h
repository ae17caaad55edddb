// UDP in batches: sendmmsg for a chain of the outbox, recvmmsg into the slab, and the error queue
// of sockets that asked for it.
#pragma once

#include <vector>

#include "../contract/batch.h"
#include "../contract/outbox.h"
#include "../contract/result.h"
#include "watch_table.h"

namespace pollport {

// 1 = taken, 0 = no room at the moment (writability is watched), or minus errno.
Result send_datagram(Epoll& epoll, WatchTable& table, int32_t index, std::span<const uint8_t> bytes,
                     const PackedAddress& to);

// A datagram that cannot be sent gives a kKindDatagramFailed and is passed over; kKindSendShort
// says where the system had no more room.
void send_datagram_chain(Epoll& epoll, WatchTable& table, const Outbox& outbox, int32_t first,
                         Batch& batch);

// Receives up to `budget_bytes`, give or take one datagram of the size seen last, and at most
// kMaxDatagramsPerCall.
void receive_datagrams(Watched& watched, int32_t index, size_t max_datagram, size_t budget_bytes,
                       Batch& batch);

// Whether there is one to be received now.
bool has_datagram(const Watched& watched);

// From now on the socket keeps what comes back for its datagrams: IP_RECVERR, and IPV6_RECVERR of
// an IPv6 socket.
Result keep_datagram_errors(int fd);

// What came back for datagrams sent earlier, as kKindDatagramFailed, bounded by
// kMaxQueuedErrorsPerWait. How many those were.
size_t receive_datagram_errors(Watched& watched, int32_t index, Batch& batch);

}  // namespace pollport
