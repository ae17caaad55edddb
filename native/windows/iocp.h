// One completion port with its waker: associates sockets, posts, waits. Refuses to know what the
// completions are.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "../contract/result.h"
#include "../contract/waker.h"
#include "fine_timer.h"
#include "win.h"

namespace pollport {

// Keys of sockets are id numbers: generation * 2^32 + index, and generations begin with 1.
constexpr ULONG_PTR kWakerKey = 0;
// Ends the wait of a loop watch, and means nothing to anybody else.
constexpr ULONG_PTR kControlKey = 1;
static_assert(sizeof(ULONG_PTR) == sizeof(uint64_t), "a key holds an index and a generation");

inline ULONG_PTR key_of(int32_t index, int32_t generation) {
  return static_cast<ULONG_PTR>(static_cast<uint32_t>(generation)) << 32 |
         static_cast<uint32_t>(index);
}
inline int32_t index_of(ULONG_PTR key) { return static_cast<int32_t>(key & 0xffffffff); }
inline int32_t generation_of(ULONG_PTR key) { return static_cast<int32_t>(key >> 32); }

// Safe: a waker keeps a HANDLE as an integer of at least its size, and gives back the same bits.
inline HANDLE port_of(int64_t object) {
  return reinterpret_cast<HANDLE>(static_cast<intptr_t>(object));
}

class Iocp {
 public:
  struct Waited {
    Result count = 0;  // completions at the front of the span, or minus the error
    bool woken =
        false;  // the waker ended or accompanied the wait; it is not counted and not in the span
  };

  // `concurrency` is how many threads the system lets work off completions at once; 0 = as many as
  // processors.
  static Result create(uint32_t concurrency, std::unique_ptr<Iocp>& out);
  explicit Iocp(std::shared_ptr<Waker> waker) : waker_(std::move(waker)) {}
  Iocp(const Iocp&) = delete;
  Iocp& operator=(const Iocp&) = delete;

  // For as long as the socket lives: it has one port, and ERROR_INVALID_PARAMETER says that it has
  // another.
  Result associate(SOCKET socket, ULONG_PTR key);
  Result post(ULONG_PTR key, uint32_t bytes, OVERLAPPED* overlapped);
  // A negative timeout waits for ever. Never early: the system may be, and is asked again.
  Waited wait(std::span<OVERLAPPED_ENTRY> entries, double timeout_ms);
  // Completions that a batch had no room for: they come first in the next wait().
  void put_back(std::span<const OVERLAPPED_ENTRY> entries);
  // For a loop watch, from its own thread: waits once for completions and keeps them for the next
  // wait(). Whether there were any.
  bool keep_for_later(double timeout_ms);

  // Sockets wait for memory: every wait here ends after kShortageMs at the latest, and the exchange
  // tries again.
  void limit_waits(bool limited) { waits_limited_ = limited; }
  double limited(double timeout_ms) const;

  Waker& waker() { return *waker_; }
  HANDLE port() const { return port_of(waker_->system_object()); }

 private:
  // Fills `entries` from what was kept; how many.
  size_t take_kept(std::span<OVERLAPPED_ENTRY> entries);

  std::shared_ptr<Waker> waker_;
  FineTimer fine_timer_;  // held from the first wait of a tick on
  std::atomic<bool> waits_limited_ = false;
  std::mutex mutex_;
  std::vector<OVERLAPPED_ENTRY> kept_;
};

}  // namespace pollport
