// Sending on connections: one buffer, or a chain of the outbox gathered into as few sendmsg calls
// as the system takes.
#pragma once

#include "../contract/batch.h"
#include "../contract/outbox.h"
#include "../contract/result.h"
#include "watch_table.h"

namespace pollport {

// Bytes taken, 0 for none at the moment, or minus errno. Watches for writability exactly while
// something is left.
Result send_stream(Epoll& epoll, WatchTable& table, int32_t index, std::span<const uint8_t> bytes);

// Sends the chain that begins at `first`. What was not taken is told by one kKindSendShort, a
// broken connection by one kKindSendFailed.
void send_stream_chain(Epoll& epoll, WatchTable& table, const Outbox& outbox, int32_t first,
                       Batch& batch);

}  // namespace pollport
