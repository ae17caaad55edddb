// A waker's signal is an eventfd(2).

#include "../contract/waker.h"

#include <unistd.h>

#include <cerrno>

namespace pollport {

Result signal_wake_object(int64_t object) {
  const uint64_t one = 1;
  // It can fail only when the counter is full, and then the waiter is signalled already.
  while (write(static_cast<int>(object), &one, sizeof one) < 0 && errno == EINTR) {
  }
  return 0;
}

bool clear_wake_object(int64_t object) {
  uint64_t count = 0;
  ssize_t got;
  do {
    got = read(static_cast<int>(object), &count, sizeof count);
  } while (got < 0 && errno == EINTR);
  return got > 0;
}

void close_wake_object(int64_t object) { close(static_cast<int>(object)); }

}  // namespace pollport
