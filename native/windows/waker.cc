// A waker's signal is a packet of the completion port, with a key of its own.

#include "../contract/waker.h"

#include "iocp.h"

namespace pollport {

Result signal_wake_object(int64_t object) {
  return PostQueuedCompletionStatus(port_of(object), 0, kWakerKey, nullptr) != 0
             ? 0
             : -static_cast<Result>(GetLastError());
}

// Dequeuing the packet has cleared it.
bool clear_wake_object(int64_t object) {
  static_cast<void>(object);
  return true;
}

void close_wake_object(int64_t object) { CloseHandle(port_of(object)); }

}  // namespace pollport
