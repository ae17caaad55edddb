// send(2) and sendmsg(2) on non-blocking connections.

#include "streams.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>

#include "../contract/limits.h"

namespace pollport {
namespace {

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

// Bytes taken, or minus errno; would-block is 0.
Result send_vectors(int fd, iovec* vectors, size_t count) {
  msghdr message{};
  message.msg_iov = vectors;
  message.msg_iovlen = count;
  ssize_t sent;
  do {
    // One buffer is the usual case, and send() is cheaper for the kernel to take in than a message
    // header.
    sent = count == 1 ? ::send(fd, vectors[0].iov_base, vectors[0].iov_len, MSG_NOSIGNAL)
                      : ::sendmsg(fd, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) return sent;
  return would_block(errno) ? 0 : -errno;
}

// EPIPE: the peer has finished, and what it sent can still be received up to that end. Anything
// else is told once only, and has been told here.
void remember_break(Watched& watched, Result error) {
  if (error != -EPIPE) watched.broken = static_cast<int>(-error);
}

}  // namespace

Result send_stream(Epoll& epoll, WatchTable& table, int32_t index, std::span<const uint8_t> bytes) {
  Watched* watched = table.find(index);
  if (watched == nullptr) return -EBADF;
  // iovec has no const form; sending does not write through it.
  iovec vector{const_cast<uint8_t*>(bytes.data()), bytes.size()};
  const Result sent = send_vectors(watched->fd.get(), &vector, 1);
  if (sent < 0) remember_break(*watched, sent);
  // After an error nothing waits to be sent: writability would be reported until the receiving side
  // is done too.
  const bool left = sent >= 0 && static_cast<size_t>(sent) < bytes.size();
  if (const Result updated = table.set_sending(epoll, index, left); updated < 0) return updated;
  return sent;
}

void send_stream_chain(Epoll& epoll, WatchTable& table, const Outbox& outbox, int32_t first,
                       Batch& batch) {
  Send send{};
  if (!outbox.read(first, send)) return;
  const int32_t index = send.index;
  Watched* watched = table.find(index);
  if (watched == nullptr) return;

  std::array<iovec, kMaxVectors> vectors;
  int32_t position = first;  // the first send that is not gathered yet
  while (position >= 0) {
    const int32_t group_first = position;
    size_t count = 0;
    size_t group_bytes = 0;
    while (count < vectors.size() && outbox.read(position, send)) {
      const uint8_t* data = outbox.at(send.offset);
      // Messages to one connection often lie one behind the other: then they are one vector.
      if (count > 0 &&
          static_cast<uint8_t*>(vectors[count - 1].iov_base) + vectors[count - 1].iov_len == data) {
        vectors[count - 1].iov_len += static_cast<size_t>(send.length);
      } else {
        vectors[count++] = {const_cast<uint8_t*>(data), static_cast<size_t>(send.length)};
      }
      group_bytes += static_cast<size_t>(send.length);
      // A chain only goes forward: anything else would be a loop.
      position = send.next > position ? send.next : -1;
      if (position < 0) break;
    }
    if (count == 0) return;

    const Result sent = send_vectors(watched->fd.get(), vectors.data(), count);
    if (sent < 0) {
      remember_break(*watched, sent);
      batch.add(kKindSendFailed, index, watched->generation, static_cast<int32_t>(-sent));
      return;
    }
    if (static_cast<size_t>(sent) == group_bytes) continue;

    // Which send was cut, and how much of it went.
    int32_t cut = group_first;
    auto taken = static_cast<int32_t>(sent);
    while (outbox.read(cut, send) && taken >= send.length && send.next > cut) {
      taken -= send.length;
      cut = send.next;
    }
    batch.add(kKindSendShort, index, watched->generation, cut, taken);
    if (const Result updated = table.set_sending(epoll, index, true); updated < 0) {
      batch.add(kKindSendFailed, index, watched->generation, static_cast<int32_t>(-updated));
    }
    return;
  }
}

}  // namespace pollport
