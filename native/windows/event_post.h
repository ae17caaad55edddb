// For a socket whose completions go to another port for life (it came from another thread, or from
// an Iocp): each operation sets an event instead, and a thread of the system's pool posts it to the
// port that is wanted. Refuses to know what the operation is.
#pragma once

#include <memory>

#include "../contract/result.h"
#include "unique.h"

namespace pollport {

class EventPost {
 public:
  static Result create(HANDLE port, ULONG_PTR key, OVERLAPPED* overlapped,
                       std::unique_ptr<EventPost>& out);
  EventPost(HANDLE port, ULONG_PTR key, OVERLAPPED* overlapped)
      : port_(port), key_(key), overlapped_(overlapped) {}
  EventPost(const EventPost&) = delete;
  EventPost& operator=(const EventPost&) = delete;
  // Nothing is posted any more.
  ~EventPost();

  // For OVERLAPPED's hEvent: with the lowest bit set no packet goes to the port that the socket has
  // (Microsoft Learn, "GetQueuedCompletionStatus function").
  HANDLE event_for_overlapped() const;

 private:
  static void CALLBACK post(void* self, BOOLEAN timed_out);

  HANDLE port_;
  const ULONG_PTR key_;
  OVERLAPPED* const overlapped_;
  UniqueHandle event_;
  HANDLE wait_ = nullptr;
};

}  // namespace pollport
