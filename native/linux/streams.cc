// SO_ERROR, recv(2), send(2) and sendmsg(2) on non-blocking connections.

#include "streams.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "../contract/limits.h"
#include "would_block.h"

namespace pollport {
namespace {

constexpr uint32_t kPeerIsDone = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

ssize_t receive(int fd, std::span<uint8_t> into) {
  ssize_t received;
  do {
    received = ::recv(fd, into.data(), into.size(), 0);
  } while (received < 0 && errno == EINTR);
  return received;
}

// EPIPE: the peer has finished, and what it sent can still be received up to that end. Any
// other error is reported once only, and it was reported here.
void remember_break(Watched& watched, Result error) {
  if (error != -EPIPE) watched.broken = static_cast<int>(-error);
}

}  // namespace

Result send_vectors(int fd, std::span<iovec> vectors) {
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = vectors.size();
  ssize_t sent;
  do {
    // One buffer is the usual case, and send() is cheaper for the kernel to take in than a message
    // header.
    sent = vectors.size() == 1 ? ::send(fd, vectors[0].iov_base, vectors[0].iov_len, MSG_NOSIGNAL)
                               : ::sendmsg(fd, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) return sent;
  return would_block(errno) ? 0 : -errno;
}

void complete_connect(Epoll& epoll, WatchTable& table, int32_t index, Batch& batch) {
  Watched* watched = table.find(index);
  if (watched == nullptr) return;
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(watched->fd.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  if (error == 0) {
    if (const Result updated = table.set_connected(epoll, index); updated < 0)
      error = static_cast<int>(-updated);
  }
  batch.add(kKindConnected, index, watched->generation, error);
}

void drain_connection(Epoll& epoll, WatchTable& table, int32_t index, uint32_t events,
                      size_t budget_bytes, Batch& batch) {
  Watched* watched = table.find(index);
  if (watched == nullptr || !watched->receiving) return;
  const std::span<uint8_t> room = batch.stream_room();
  budget_bytes = std::min(budget_bytes, room.size());

  size_t taken = 0;
  ssize_t last = 1;
  int error = 0;
  while (taken < budget_bytes) {
    const size_t asked = budget_bytes - taken;
    last = receive(watched->fd.get(), room.subspan(taken, asked));
    if (last < 0) error = errno;
    if (last <= 0) break;
    taken += static_cast<size_t>(last);
    // Fewer than asked: nothing is left. Only if the peer is done does asking again say more,
    // namely that its end or its reset is next.
    if (static_cast<size_t>(last) < asked && (events & kPeerIsDone) == 0) break;
  }
  // After a reset that a send reported, a receive sees the same as after an end.
  if (last == 0 && watched->broken != 0) {
    last = -1;
    error = watched->broken;
  }
  if (taken > 0) {
    const int32_t offset = batch.keep_stream(taken);
    batch.add(kKindReceived, index, watched->generation, offset, static_cast<int32_t>(taken));
  }
  if (last > 0 || (last < 0 && would_block(error))) return;
  // Nothing more will come. Left in the set, the end of the stream would be reported by every wait.
  table.set_receiving(epoll, index, false);
  if (last == 0) {
    watched->ended = true;
    batch.add(kKindEnded, index, watched->generation);
  } else {
    batch.add(kKindFailed, index, watched->generation, error);
  }
}

void discard_error_messages(const Watched& watched) {
  // 512 bytes of control messages, and of the packet nothing: what does not fit is cut off, and the
  // message is gone all the same.
  alignas(cmsghdr) std::array<uint8_t, 512> control;
  msghdr header{};
  for (size_t i = 0; i < kMaxQueuedErrorsPerWait; i++) {
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    if (::recvmsg(watched.fd.get(), &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return;
  }
}

Result send_stream(Epoll& epoll, WatchTable& table, int32_t index, std::span<const uint8_t> bytes) {
  Watched* watched = table.find(index);
  if (watched == nullptr) return -EBADF;
  // iovec has no const form; sending does not write through it.
  iovec vector{const_cast<uint8_t*>(bytes.data()), bytes.size()};
  const Result sent = send_vectors(watched->fd.get(), {&vector, 1});
  if (sent < 0) remember_break(*watched, sent);
  // After an error nothing waits to be sent: writability would be reported until the receiving side
  // is done too.
  const bool left = sent >= 0 && static_cast<size_t>(sent) < bytes.size();
  if (const Result updated = table.set_sending(epoll, index, left); updated < 0) return updated;
  return sent;
}

Piece gather(const Outbox& outbox, int32_t first, std::span<iovec> vectors) {
  Piece piece{first, first, 0, 0};
  Send send{};
  while (piece.vector_count < vectors.size() && outbox.read(piece.next, send)) {
    const uint8_t* data = outbox.at(send.offset);
    const auto length = static_cast<size_t>(send.length);
    // Messages to one connection often lie one behind the other: then they are one vector.
    iovec* last = piece.vector_count > 0 ? &vectors[piece.vector_count - 1] : nullptr;
    if (last != nullptr && static_cast<uint8_t*>(last->iov_base) + last->iov_len == data) {
      last->iov_len += length;
    } else {
      vectors[piece.vector_count++] = {const_cast<uint8_t*>(data), length};
    }
    piece.bytes += length;
    // A chain only goes forward: anything else would be a loop.
    piece.next = send.next > piece.next ? send.next : -1;
  }
  return piece;
}

bool settle(Epoll& epoll, WatchTable& table, const Outbox& outbox, int32_t index,
            const Piece& piece, Result sent, Batch& batch) {
  Watched* watched = table.find(index);
  if (watched == nullptr) return false;
  if (sent < 0) {
    remember_break(*watched, sent);
    batch.add(kKindSendFailed, index, watched->generation, static_cast<int32_t>(-sent));
    return false;
  }
  if (static_cast<size_t>(sent) == piece.bytes) return true;

  const Outbox::Cut cut = outbox.cut(piece.first, static_cast<size_t>(sent));
  batch.add(kKindSendShort, index, watched->generation, cut.position,
            static_cast<int32_t>(cut.taken));
  if (const Result updated = table.set_sending(epoll, index, true); updated < 0) {
    batch.add(kKindSendFailed, index, watched->generation, static_cast<int32_t>(-updated));
  }
  return false;
}

void send_stream_chain(Epoll& epoll, WatchTable& table, const Outbox& outbox, int32_t index,
                       int32_t first, Batch& batch) {
  const Watched* watched = table.find(index);
  if (watched == nullptr) return;

  std::array<iovec, kMaxVectors> vectors;
  Send send{};
  for (int32_t position = first; outbox.read(position, send);) {
    const Piece piece = gather(outbox, position, vectors);
    const Result sent =
        send_vectors(watched->fd.get(), std::span(vectors).first(piece.vector_count));
    if (!settle(epoll, table, outbox, index, piece, sent, batch)) return;
    position = piece.next;
  }
}

}  // namespace pollport
