// Which events each socket of an Epoll waits for, kept equal to the kernel's set by epoll_ctl.

#include "watch_table.h"

#include <sys/socket.h>

#include <cerrno>

#include "../contract/limits.h"

namespace pollport {
namespace {

uint64_t data_of(int32_t index, int32_t generation) {
  return static_cast<uint64_t>(static_cast<uint32_t>(generation)) << 32 |
         static_cast<uint32_t>(index);
}

uint32_t mask_of(const Watched& watched) {
  if (watched.kind == kWatchConnecting) return EPOLLOUT;
  uint32_t mask = 0;
  // RDHUP tells in the same wait that the peer's end follows the bytes, which saves a wait at each
  // close; of a datagram socket, that nothing can come any more.
  if (watched.receiving) mask |= watched.kind == kWatchListener ? EPOLLIN : EPOLLIN | EPOLLRDHUP;
  if (watched.sending) mask |= EPOLLOUT;
  return mask;
}

void set_linger(int fd, const linger& lingering) {
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &lingering, sizeof lingering);
}

// What SO_LINGER makes of a release. No time makes a reset of a close(). With a time, close() would
// wait until the peer has everything, and does so on a non-blocking socket as well (socket(7)):
// that is switched off, since nobody else is to be held up. tcp-connection.ts bounds the queue by a
// deadline.
int32_t as_lingering_says(int fd, int32_t how) {
  if (how == kReleaseReset) return how;  // asks for no time anyway
  linger lingering{};
  socklen_t length = sizeof lingering;
  if (getsockopt(fd, SOL_SOCKET, SO_LINGER, &lingering, &length) != 0 || lingering.l_onoff == 0)
    return how;
  if (lingering.l_linger == 0 && how == kReleaseClose) return kReleaseReset;
  set_linger(fd, {0, 0});
  return how;
}

}  // namespace

Result WatchTable::watch(Epoll& epoll, int32_t index, int32_t generation, int fd, uint8_t kind) {
  if (index < 0 || fd < 0) return -EINVAL;
  if (static_cast<size_t>(index) >= slots_.size()) slots_.resize(static_cast<size_t>(index) + 1);
  Watched& watched = slots_[static_cast<size_t>(index)];
  if (watched.fd) return -EEXIST;
  watched.generation = generation;
  watched.kind = kind;
  watched.receiving = true;
  watched.sending = false;
  watched.ended = false;
  watched.broken = 0;
  watched.in_epoll = 0;
  watched.fd.reset(fd);
  const Result result = update(epoll, index, watched);
  // The caller still owns what could not be watched.
  if (result < 0) watched.fd.release();
  return result;
}

Result WatchTable::release(Epoll& epoll, int32_t index, int32_t how) {
  Watched* watched = find(index);
  if (watched == nullptr) return -EBADF;
  // Before close: a duplicate elsewhere would keep the registration alive, and nobody could take it
  // out any more (epoll(7), questions 6).
  if (watched->in_epoll != 0) epoll.control(EPOLL_CTL_DEL, watched->fd.get(), 0, 0);
  watched->in_epoll = 0;
  if (how == kReleaseDetach) return watched->fd.release();
  const int fd = watched->fd.get();
  const bool is_stream = watched->kind == kWatchConnection;
  if (is_stream) how = as_lingering_says(fd, how);
  if (how == kReleaseReset) {
    set_linger(fd, {1, 0});
  } else if (is_stream && !watched->ended) {
    // FIN goes out first: a byte that arrives between the next two calls makes close() send RST,
    // which a peer that has the FIN already does not take for the end of what it was sent.
    shutdown(fd, SHUT_WR);
    // MSG_TRUNC without a buffer throws bytes away, see tcp(7); limits.h says why. Whatever it
    // answers, the socket is closed next.
    recv(fd, nullptr, kMaxDiscardedAtClose, MSG_TRUNC | MSG_DONTWAIT);
  }
  watched->fd.reset();
  return 0;
}

void WatchTable::release_all(Epoll& epoll) {
  for (size_t index = 0; index < slots_.size(); index++) {
    if (slots_[index].fd) release(epoll, static_cast<int32_t>(index), kReleaseClose);
  }
}

Watched* WatchTable::find(int32_t index) {
  if (index < 0 || static_cast<size_t>(index) >= slots_.size()) return nullptr;
  Watched& watched = slots_[static_cast<size_t>(index)];
  return watched.fd ? &watched : nullptr;
}

Watched* WatchTable::find(int32_t index, int32_t generation) {
  Watched* watched = find(index);
  return watched != nullptr && watched->generation == generation ? watched : nullptr;
}

Result WatchTable::set_receiving(Epoll& epoll, int32_t index, bool on) {
  Watched* watched = find(index);
  if (watched == nullptr) return -EBADF;
  watched->receiving = on;
  const Result result = update(epoll, index, *watched);
  // Off it is, whatever epoll says: what it reports all the same is passed over. Only watching
  // again can fail, for want of memory.
  if (!on) return 0;
  if (result < 0) watched->receiving = false;
  return result;
}

Result WatchTable::set_sending(Epoll& epoll, int32_t index, bool on) {
  Watched* watched = find(index);
  if (watched == nullptr) return -EBADF;
  watched->sending = on;
  return update(epoll, index, *watched);
}

Result WatchTable::set_connected(Epoll& epoll, int32_t index) {
  Watched* watched = find(index);
  if (watched == nullptr) return -EBADF;
  watched->kind = kWatchConnection;
  return update(epoll, index, *watched);
}

Result WatchTable::update(Epoll& epoll, int32_t index, Watched& watched) {
  const uint32_t mask = mask_of(watched);
  if (mask == watched.in_epoll) return 0;
  // With nothing asked for, the socket leaves the set: errors and hang-ups are reported whatever
  // the mask, and a level-triggered wait would then return at once for ever.
  const int operation = mask == 0               ? EPOLL_CTL_DEL
                        : watched.in_epoll == 0 ? EPOLL_CTL_ADD
                                                : EPOLL_CTL_MOD;
  const Result result =
      epoll.control(operation, watched.fd.get(), mask, data_of(index, watched.generation));
  if (result >= 0) watched.in_epoll = mask;
  return result;
}

}  // namespace pollport
