// UDP: a pool of posted receives, given out in the order in which the system fills them, and
// sending at once; only a datagram that the system has no room for goes into native memory and is
// sent by an overlapped call.
#pragma once

#include "../contract/batch.h"
#include "../contract/outbox.h"
#include "watch_table.h"

namespace pollport {

Result begin_datagrams(Port& port, Watched& watched, size_t max_datagram);
// Gives out what was received: kKindDatagram, kKindDatagramFailed, up to `budget_bytes`, give or
// take one datagram.
void serve_datagrams(Port& port, Watched& watched, size_t budget_bytes, Batch& batch);

// 1 = taken, 0 = no room at the moment (kKindWritable follows), or minus the error.
Result send_datagram(Port& port, Watched& watched, std::span<const uint8_t> bytes,
                     const PackedAddress& to);
// A datagram that cannot be sent gives a kKindDatagramFailed and is passed over; kKindSendShort
// says where the system had no more room.
void send_datagram_chain(Port& port, Watched& watched, const Outbox& outbox, int32_t first,
                         Batch& batch);
void complete_datagram_send(Port& port, Watched& watched, Batch& batch);

}  // namespace pollport
