// Takes from one ready socket what one wait may take: bytes, connections, or the answer to a
// connect. Refuses to know how long anybody waits.
#pragma once

#include "../contract/batch.h"
#include "watch_table.h"

namespace pollport {

// Receives up to `budget_bytes` in one piece: kKindReceived, kKindEnded, kKindFailed.
void drain_connection(Epoll& epoll, WatchTable& table, int32_t index, uint32_t events,
                      size_t budget_bytes, Batch& batch);

// Throws away what a connection's error queue holds: nobody of ours asks for it, but an adopted
// socket may have been told to keep such messages (SO_TIMESTAMPING, SO_ZEROCOPY), and epoll reports
// EPOLLERR for as long as there is one.
void discard_error_messages(const Watched& watched);

// Accepts up to `budget` connections: kKindAccepted for each. With no descriptor left, `spare` is
// given up to refuse one connection, so that its peer learns of it, and kKindAcceptFailed tells of
// it.
void drain_listener(WatchTable& table, int32_t index, int32_t budget, UniqueFd& spare,
                    Batch& batch);

// kKindConnected with 0 or the error of the connect.
void finish_connect(Epoll& epoll, WatchTable& table, int32_t index, Batch& batch);

// A descriptor that is held only to be given up.
UniqueFd open_spare();

}  // namespace pollport
