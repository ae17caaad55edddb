// Every bound of the native side, with its reason. What is a choice of the program's comes as an
// argument instead.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pollport {

// Buffers in one gathered send. Linux allows 1,024 (IOV_MAX); past 64 the cost of the call itself
// is spread thin enough, and the array stays on the stack.
constexpr size_t kMaxVectors = 64;

// Linux: sends in one io_uring_enter. With 64 each costs more, with 1,024 not less, and the memory
// of a ring grows with them (docs/performance.md).
constexpr size_t kMaxBatchedCalls = 256;

// Linux: buffers of all these sends; one each is the usual case.
constexpr size_t kMaxBatchedVectors = 1024;

// Linux: with fewer connections to send to, plain calls are cheaper than an enter.
constexpr size_t kLeastBatchedCalls = 4;

// Datagrams in one recvmmsg or sendmmsg: the gain over single calls is all but reached at 64, and
// BatchMemory has room for as many of the largest size.
constexpr size_t kMaxDatagramsPerCall = 64;

// What a datagram counts for in its socket's budget, however short it is: each costs a record and
// an event of the program's. With the default budget one wait gives at most 1,024 of them.
constexpr size_t kLeastDatagramCost = 256;

// Error messages taken from one UDP socket's error queue in one wait; the rest comes with the next
// one.
constexpr size_t kMaxQueuedErrorsPerWait = 16;

// Owners looked at by one reapHandles(): so few that a wait does not feel it, so many that a busy
// loop gets round quickly.
constexpr size_t kReapStep = 16;

// Unread bytes that are thrown away when a connection closes, so that it ends with FIN: with unread
// bytes Linux sends RST (RFC 2525, 2.17), which may destroy what the peer has not read yet. A peer
// that goes on sending gets its RST all the same.
constexpr size_t kMaxDiscardedAtClose = 1024 * 1024;

// Windows: what one call may offer to a connection. A non-blocking send takes one buffer of any
// size whole as long as there is any room, and would take a whole file from a peer that never reads
// (Microsoft Learn, "send function", and "Design issues - Sending small data segments").
constexpr size_t kMaxSendPiece = 64 * 1024;

// Windows: connections that may arrive between two waits without a SYN being turned away by an
// empty queue of AcceptEx calls; each costs an open socket. The backlog stands behind them.
constexpr size_t kAcceptsPosted = 32;

// Windows: datagrams received into native memory while the program is busy; each owns a buffer of
// the largest datagram.
constexpr size_t kDatagramsPosted = 32;

// Windows: how soon a socket is served again that the system had no memory for. Each try costs a
// call or two; a second would be felt.
constexpr double kShortageMs = 50;

// Windows: how long the end of an object waits for cancelled operations to come back. What the
// system still holds then is left to it.
constexpr double kLongestDrainMs = 5000;

}  // namespace pollport
