// recv(2), accept4(2) and SO_ERROR on sockets that epoll called ready.

#include "drain.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "../contract/limits.h"
#include "address.h"

namespace pollport {
namespace {

// So many in a row are no longer an error of theirs (a sandbox that forbids accept4 says EPERM each
// time): passed over as well, the listener would be reported by every wait, for ever, and nobody
// would be told.
constexpr int kMaxPassedOver = 100;

constexpr uint32_t kPeerIsDone = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

ssize_t receive(int fd, std::span<uint8_t> into) {
  ssize_t received;
  do {
    received = ::recv(fd, into.data(), into.size(), 0);
  } while (received < 0 && errno == EINTR);
  return received;
}

int accept_one(int listener, sockaddr_storage& peer, socklen_t& length) {
  length = sizeof peer;
  // Safe: sockaddr_storage is made to be seen as any sockaddr (POSIX, <sys/socket.h>).
  return ::accept4(listener, reinterpret_cast<sockaddr*>(&peer), &length,
                   SOCK_NONBLOCK | SOCK_CLOEXEC);
}

// accept(2) passes on errors of the connection that it would have given out; the next one in the
// backlog may be well.
bool is_of_that_connection(int error) {
  return error == EINTR || error == ECONNABORTED || error == EPROTO || error == ENETDOWN ||
         error == ENOPROTOOPT || error == EHOSTDOWN || error == ENONET || error == EHOSTUNREACH ||
         error == EOPNOTSUPP || error == ENETUNREACH || error == EPERM;
}

}  // namespace

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
  // After a reset that a send was told of, a receive sees the same as after an end.
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

void drain_listener(WatchTable& table, int32_t index, int32_t budget, UniqueFd& spare,
                    Batch& batch) {
  Watched* watched = table.find(index);
  if (watched == nullptr || !watched->receiving) return;
  const int listener = watched->fd.get();
  sockaddr_storage peer{};
  socklen_t length = 0;
  int passed_over = 0;
  while (budget-- > 0 && batch.records_room() > 0 &&
         batch.stream_room().size() >= sizeof(PackedAddress)) {
    const int accepted = accept_one(listener, peer, length);
    if (accepted >= 0) {
      PackedAddress address{};
      from_sockaddr(peer, length, address);
      std::memcpy(batch.stream_room().data(), &address, sizeof address);
      passed_over = 0;
      batch.add(kKindAccepted, index, watched->generation, accepted,
                batch.keep_stream(sizeof address));
      continue;
    }
    const int error = errno;
    if (would_block(error)) return;
    if (is_of_that_connection(error) && passed_over++ < kMaxPassedOver) continue;
    if (error == EMFILE || error == ENFILE) {
      spare.reset();
      UniqueFd refused(accept_one(listener, peer, length));
      refused.reset();
      spare = open_spare();
    }
    batch.add(kKindAcceptFailed, index, watched->generation, error);
    return;
  }
}

void finish_connect(Epoll& epoll, WatchTable& table, int32_t index, Batch& batch) {
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

UniqueFd open_spare() { return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

}  // namespace pollport
