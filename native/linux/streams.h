// Connections: the answer to a connect, receiving as much as one wait may take, and sending one
// buffer or a chain of the outbox in as few calls as the system takes. Refuses to know how long
// anybody waits.
#pragma once

#include <sys/uio.h>

#include <span>

#include "../contract/batch.h"
#include "../contract/outbox.h"
#include "../contract/result.h"
#include "watch_table.h"

namespace pollport {

// kKindConnected with 0 or the error of the connect.
void complete_connect(Epoll& epoll, WatchTable& table, int32_t index, Batch& batch);

// Receives up to `budget_bytes` in one piece: kKindReceived, kKindEnded, kKindFailed.
void drain_connection(Epoll& epoll, WatchTable& table, int32_t index, uint32_t events,
                      size_t budget_bytes, Batch& batch);

// Throws away what a connection's error queue holds: pollport does not ask for it, but an adopted
// socket may have been set to keep such messages (SO_TIMESTAMPING, SO_ZEROCOPY), and epoll reports
// EPOLLERR for as long as there is one.
void discard_error_messages(const Watched& watched);

// Bytes taken, 0 for none at the moment, or minus errno. Watches for writability exactly while
// something is left.
Result send_stream(Epoll& epoll, WatchTable& table, int32_t index, std::span<const uint8_t> bytes);

// As much of a chain as one call sends.
struct Piece {
  int32_t first;
  int32_t next;  // the send behind it; -1 = none
  size_t vector_count;
  size_t bytes;
};

// From the send at `first` on, which outbox.read() finds, into at most `vectors.size()` vectors.
Piece gather(const Outbox& outbox, int32_t first, std::span<iovec> vectors);

// One call: bytes taken, 0 for none at the moment, or minus errno.
Result send_vectors(int fd, std::span<iovec> vectors);

// Notes and reports what such a call answered. True if the piece has left and more of the chain may
// follow.
bool settle(Epoll& epoll, WatchTable& table, const Outbox& outbox, int32_t index,
            const Piece& piece, Result sent, Batch& batch);

// Sends what a chain of that connection has from `first` on. One kKindSendShort reports what was
// not taken, one kKindSendFailed a broken connection.
void send_stream_chain(Epoll& epoll, WatchTable& table, const Outbox& outbox, int32_t index,
                       int32_t first, Batch& batch);

}  // namespace pollport
