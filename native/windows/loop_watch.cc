// A thread that dequeues in Node's stead and keeps what it got for the next wait. A completion port
// cannot be looked at without taking from it.

#include "loop_watch.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "../contract/clock.h"
#include "fine_timer.h"
#include "unique.h"

namespace pollport {
namespace {

// A control packet reports changes to the thread, but wait() may dequeue that packet itself: then
// the thread notices them after so long.
constexpr double kLongestBlindMs = 1000;

class PortWatch final : public LoopWatch {
 public:
  PortWatch(Iocp& iocp, std::function<void()> on_ready)
      : iocp_(iocp), on_ready_(std::move(on_ready)) {}
  PortWatch(const PortWatch&) = delete;
  PortWatch& operator=(const PortWatch&) = delete;
  ~PortWatch() override {
    if (!thread_) return;
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
      tell();
    }
    WaitForSingleObject(thread_.get(), INFINITE);
  }

  Result start() {
    // From the start, since nobody knows which wait will be a short one: other threads arm the
    // watch, and Node's own timers end it.
    fine_timer_.hold();
    // Not std::thread: it can report a failure only by an exception. Safe: _beginthreadex returns
    // a HANDLE as an integer.
    thread_.reset(
        reinterpret_cast<HANDLE>(_beginthreadex(nullptr, 0, &PortWatch::enter, this, 0, nullptr)));
    return thread_ ? 0 : -static_cast<Result>(ERROR_NOT_ENOUGH_MEMORY);
  }

  Result arm(double timeout_ms) override {
    const std::lock_guard lock(mutex_);
    armed_ = true;
    deadline_ = timeout_ms < 0 ? -1 : clock_ms() + timeout_ms;
    tell();
    return 0;
  }

 private:
  static unsigned __stdcall enter(void* self) {
    // Safe: start() passes `this`, and the destructor waits for the thread before the object goes.
    static_cast<PortWatch*>(self)->work();
    return 0;
  }

  // A control packet that cannot be posted is made good by kLongestBlindMs.
  void tell() {
    changed_.notify_one();
    if (waiting_) static_cast<void>(iocp_.post(kControlKey, 0, nullptr));
  }

  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return armed_ || ending_; });
      if (ending_) return;
      const double left_ms = deadline_ < 0
                                 ? kLongestBlindMs
                                 : std::clamp(deadline_ - clock_ms(), 0.0, kLongestBlindMs);
      const double limited_ms = iocp_.limited(left_ms);
      waiting_ = true;
      lock.unlock();
      const bool has_some = iocp_.keep_for_later(limited_ms);
      lock.lock();
      waiting_ = false;
      if (ending_) return;
      const bool is_over = limited_ms < left_ms || (deadline_ >= 0 && clock_ms() >= deadline_);
      // What was dequeued has to be reported even if the watch was disarmed meanwhile: the port
      // will not report it again.
      if (!has_some && !(armed_ && is_over)) continue;
      armed_ = false;
      lock.unlock();
      on_ready_();
      lock.lock();
    }
  }

  Iocp& iocp_;
  std::function<void()> on_ready_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool armed_ = false;
  bool ending_ = false;
  bool waiting_ = false;
  double deadline_ = -1;
  UniqueHandle thread_;
  FineTimer fine_timer_;
};

}  // namespace

Result open_loop_watch(Iocp& iocp, std::function<void()> on_ready,
                       std::unique_ptr<LoopWatch>& out) {
  auto watch = std::make_unique<PortWatch>(iocp, std::move(on_ready));
  if (const Result started = watch->start(); started < 0) return started;
  out = std::move(watch);
  return 0;
}

}  // namespace pollport
