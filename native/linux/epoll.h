// One epoll descriptor with its waker: epoll_create1, epoll_ctl, epoll_pwait2. Refuses to know what
// the watched descriptors are.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <memory>
#include <span>

#include "../contract/result.h"
#include "../contract/waker.h"
#include "unique_fd.h"

namespace pollport {

class Epoll {
 public:
  struct Waited {
    Result count = 0;  // events at the front of the span, or minus errno
    bool woken =
        false;  // the waker ended or accompanied the wait; it is not counted and not in the span
  };

  // Whether this kernel can wait for fractions of a millisecond (epoll_pwait2, Linux 5.11).
  static bool has_fine_timeouts();
  static Result create(std::unique_ptr<Epoll>& out);
  Epoll(UniqueFd epoll, std::shared_ptr<Waker> waker)
      : epoll_(std::move(epoll)), waker_(std::move(waker)) {}

  // epoll_ctl. `data` comes back with each event; 0 is the waker's own.
  Result control(int operation, int fd, uint32_t events, uint64_t data);
  // A negative timeout waits for ever. A signal does not shorten the wait: it goes on with what is
  // left.
  Waited wait(std::span<epoll_event> events, double timeout_ms);

  int descriptor() const { return epoll_.get(); }
  Waker& waker() { return *waker_; }

 private:
  UniqueFd epoll_;
  std::shared_ptr<Waker> waker_;
};

}  // namespace pollport
