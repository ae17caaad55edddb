// RegisterWaitForSingleObject and PostQueuedCompletionStatus.

#include "event_post.h"

namespace pollport {
namespace {

constexpr DWORD kPostAgainMs = 1;

}  // namespace

Result EventPost::create(HANDLE port, ULONG_PTR key, OVERLAPPED* overlapped,
                         std::unique_ptr<EventPost>& out) {
  auto made = std::make_unique<EventPost>(port, key, overlapped);
  made->event_.reset(CreateEventW(nullptr, FALSE, FALSE, nullptr));
  if (!made->event_) return -static_cast<Result>(GetLastError());
  if (RegisterWaitForSingleObject(&made->wait_, made->event_.get(), &EventPost::post, made.get(),
                                  INFINITE, WT_EXECUTEINWAITTHREAD) == 0) {
    return -static_cast<Result>(GetLastError());
  }
  out = std::move(made);
  return 0;
}

EventPost::~EventPost() {
  // Waits for a post that is under way. There is nothing to do about a failure: the wait is then
  // gone already.
  if (wait_ != nullptr) static_cast<void>(UnregisterWaitEx(wait_, INVALID_HANDLE_VALUE));
}

HANDLE EventPost::event_for_overlapped() const {
  // Safe: handles are multiples of four, and the system takes the lowest bit for a mark of its own.
  return reinterpret_cast<HANDLE>(reinterpret_cast<uintptr_t>(event_.get()) | 1);
}

void CALLBACK EventPost::post(void* self, BOOLEAN timed_out) {
  static_cast<void>(timed_out);
  // Safe: create() registered `this`, and the destructor waits for this function to end.
  auto* event_post = static_cast<EventPost*>(self);
  if (PostQueuedCompletionStatus(event_post->port_, 0, event_post->key_, event_post->overlapped_) !=
      0)
    return;
  // Only want of memory fails it, and only this packet reports the end of the operation.
  // So the event fires once more, until there is memory, or until this is destroyed. Other waits
  // may stand behind this one in the same thread: a short rest.
  Sleep(kPostAgainMs);
  SetEvent(event_post->event_.get());
}

}  // namespace pollport
