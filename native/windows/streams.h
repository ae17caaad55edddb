// Connections: connecting, receiving when a receive of no bytes has reported data, and sending at
// once what the system takes at once. Only what it does not take goes into native memory and is
// sent by an overlapped call, one at a time.
#pragma once

#include "../contract/batch.h"
#include "../contract/outbox.h"
#include "watch_table.h"

namespace pollport {

// A connection that this machine's TCP gave up is a reset to programs, on every system (as libuv
// reads it too); any other error is itself.
int reset_if_aborted(int error);

// 0 when the answer follows.
Result begin_connect(Port& port, Watched& watched, const PackedAddress& address);
// kKindConnected with 0 or the error.
void complete_connect(Port& port, Watched& watched, Batch& batch);

// Asks for a report of data, or of the break, unless it has asked already.
void await_data(Port& port, Watched& watched);
// Receives up to `budget_bytes` in one piece: kKindReceived, kKindEnded, kKindFailed. Asks for
// a report of more.
void drain_connection(Port& port, Watched& watched, size_t budget_bytes, Batch& batch);

// Bytes taken, 0 for none at the moment, or minus the error. kKindWritable follows exactly if
// something is left.
Result send_stream(Port& port, Watched& watched, std::span<const uint8_t> bytes);
// Sends the chain that begins at `first`. One kKindSendShort reports what was not
// taken, one kKindSendFailed a broken connection.
void send_stream_chain(Port& port, Watched& watched, const Outbox& outbox, int32_t first,
                       Batch& batch);
// kKindWritable with the bytes that the overlapped call has taken meanwhile, or kKindSendFailed.
void complete_send(Port& port, Watched& watched, Batch& batch);

}  // namespace pollport
