// CLOCK_MONOTONIC: the clock of epoll's timeouts, and of libuv's, so that Node's timers and a
// poller's deadlines agree.

#include "../contract/clock.h"

#include <time.h>

namespace pollport {

double clock_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

}  // namespace pollport
