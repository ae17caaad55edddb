// CreateIoCompletionPort, PostQueuedCompletionStatus, GetQueuedCompletionStatusEx, and what the
// system's clock does to a wait.

#include "iocp.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "../contract/clock.h"
#include "../contract/limits.h"

namespace pollport {
namespace {

// The system's timer steps 15.6 ms unless somebody asks for more (Microsoft Learn, "timeBeginPeriod
// function"). A loop with ten ticks a second or more waits so long at most, and each of its ticks
// would be late by up to a step.
constexpr double kLongestTickMs = 100;
// Far below INFINITE; a longer wait is made of several.
constexpr double kLongestWaitMs = 0x40000000;
// As many as fit a page; a loop watch has no use for more at once.
constexpr size_t kKeptAtOnce = 128;

// GetQueuedCompletionStatusEx counts whole milliseconds: rounded up, so that it is late by less
// than one rather than early.
DWORD to_whole_ms(double left_ms) {
  return left_ms <= 0 ? 0 : static_cast<DWORD>(std::ceil(std::min(left_ms, kLongestWaitMs)));
}

// Minus the error, or how many. 0 when the time is over.
Result dequeue(HANDLE port, std::span<OVERLAPPED_ENTRY> entries, DWORD timeout_ms) {
  ULONG count = 0;
  if (GetQueuedCompletionStatusEx(port, entries.data(), static_cast<ULONG>(entries.size()), &count,
                                  timeout_ms, FALSE) != 0)
    return count;
  // On a time-out the count means nothing.
  const DWORD error = GetLastError();
  return error == WAIT_TIMEOUT ? 0 : -static_cast<Result>(error);
}

}  // namespace

Result Iocp::create(uint32_t concurrency, std::unique_ptr<Iocp>& out) {
  HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, nullptr, 0, concurrency);
  if (port == nullptr) return -static_cast<Result>(GetLastError());
  std::shared_ptr<Waker> waker;
  // Safe: see port_of().
  Waker::create(reinterpret_cast<intptr_t>(port), waker);
  out = std::make_unique<Iocp>(std::move(waker));
  return 0;
}

Result Iocp::associate(SOCKET socket, ULONG_PTR key) {
  // Safe: a SOCKET is a handle of the kernel's, and this function is documented to take one
  // (Microsoft Learn, "CreateIoCompletionPort function").
  HANDLE file = reinterpret_cast<HANDLE>(socket);
  return CreateIoCompletionPort(file, port(), key, 0) != nullptr
             ? 0
             : -static_cast<Result>(GetLastError());
}

Result Iocp::post(ULONG_PTR key, uint32_t bytes, OVERLAPPED* overlapped) {
  return PostQueuedCompletionStatus(port(), bytes, key, overlapped) != 0
             ? 0
             : -static_cast<Result>(GetLastError());
}

Iocp::Waited Iocp::wait(std::span<OVERLAPPED_ENTRY> entries, double timeout_ms) {
  if (timeout_ms > 0 && timeout_ms <= kLongestTickMs) fine_timer_.hold();
  const double deadline = timeout_ms > 0 ? clock_ms() + timeout_ms : 0;
  double left_ms = timeout_ms;
  for (;;) {
    const size_t kept = take_kept(entries);
    // With something in hand it only looks: a wake must not stand behind all that had no room in
    // earlier batches.
    const DWORD longest = kept > 0 ? 0 : left_ms < 0 ? INFINITE : to_whole_ms(left_ms);
    const Result fresh =
        kept < entries.size() ? dequeue(port(), entries.subspan(kept), longest) : 0;
    if (fresh < 0 && kept == 0) return {fresh, false};
    const Result count = static_cast<Result>(kept) + std::max<Result>(fresh, 0);

    const auto first = entries.begin();
    const auto last = first + count;
    bool woken = false;
    const auto end = std::remove_if(first, last, [&](const OVERLAPPED_ENTRY& entry) {
      if (entry.lpCompletionKey == kWakerKey) woken = true;
      return entry.lpCompletionKey == kWakerKey || entry.lpCompletionKey == kControlKey;
    });
    if (woken) waker_->drain();
    if (woken || end != first) return {end - first, woken};
    if (timeout_ms == 0) return {};
    if (timeout_ms < 0) continue;
    left_ms = deadline - clock_ms();
    if (left_ms <= 0) return {};
  }
}

void Iocp::put_back(std::span<const OVERLAPPED_ENTRY> entries) {
  const std::lock_guard lock(mutex_);
  kept_.insert(kept_.begin(), entries.begin(), entries.end());
}

bool Iocp::keep_for_later(double timeout_ms) {
  {
    const std::lock_guard lock(mutex_);
    if (!kept_.empty()) return true;
  }
  std::array<OVERLAPPED_ENTRY, kKeptAtOnce> entries;
  const Result count =
      dequeue(port(), entries, timeout_ms < 0 ? INFINITE : to_whole_ms(timeout_ms));
  if (count <= 0) return false;
  const std::lock_guard lock(mutex_);
  const size_t before = kept_.size();
  for (Result i = 0; i < count; i++) {
    if (entries[static_cast<size_t>(i)].lpCompletionKey != kControlKey)
      kept_.push_back(entries[static_cast<size_t>(i)]);
  }
  return kept_.size() > before;
}

double Iocp::limited(double timeout_ms) const {
  return waits_limited_ && (timeout_ms < 0 || timeout_ms > kShortageMs) ? kShortageMs : timeout_ms;
}

size_t Iocp::take_kept(std::span<OVERLAPPED_ENTRY> entries) {
  const std::lock_guard lock(mutex_);
  const size_t count = std::min(entries.size(), kept_.size());
  if (count == 0) return 0;
  std::copy_n(kept_.begin(), count, entries.begin());
  kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(count));
  return count;
}

}  // namespace pollport
