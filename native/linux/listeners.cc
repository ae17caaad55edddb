// accept4(2) on listeners that epoll called ready.

#include "listeners.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "address.h"
#include "would_block.h"

namespace pollport {
namespace {

// So many in a row are no longer an error of theirs (a sandbox that forbids accept4 says EPERM each
// time): passed over as well, every wait would find the listener ready, for ever, and the program
// would get no event.
constexpr int kMaxPassedOver = 100;

int accept_one(int listener, sockaddr_storage& peer, socklen_t& length) {
  length = sizeof peer;
  return ::accept4(listener, as_sockaddr(peer), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

// accept(2) passes on errors of the connection that it would have given out; the next one in the
// backlog may be well.
bool is_of_that_connection(int error) {
  return error == EINTR || error == ECONNABORTED || error == EPROTO || error == ENETDOWN ||
         error == ENOPROTOOPT || error == EHOSTDOWN || error == ENONET || error == EHOSTUNREACH ||
         error == EOPNOTSUPP || error == ENETUNREACH || error == EPERM;
}

}  // namespace

void serve_listener(WatchTable& table, int32_t index, int32_t budget, UniqueFd& spare,
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

UniqueFd open_spare() { return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

}  // namespace pollport
