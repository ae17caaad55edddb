// A thread in ppoll(2) on the watched descriptor and on an eventfd by which it is armed and ended.

#include "loop_watch.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <time.h>

#include <array>
#include <cerrno>
#include <cmath>
#include <mutex>

#include "unique_fd.h"

namespace pollport {
namespace {

// A tv_sec that a 32-bit time_t holds: ppoll(2) answers EINVAL to what does not fit. Who wanted
// more is called too early, and arms again.
constexpr double kLongestTimeoutMs = 2147483647.0;
constexpr long kNoMemoryPauseNs = 10'000'000;

class PollWatch final : public LoopWatch {
 public:
  PollWatch(int descriptor, UniqueFd control, std::function<void()> on_ready)
      : descriptor_(descriptor), control_(std::move(control)), on_ready_(std::move(on_ready)) {}
  PollWatch(const PollWatch&) = delete;
  PollWatch& operator=(const PollWatch&) = delete;
  ~PollWatch() override {
    if (!started_) return;
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    tell();
    pthread_join(thread_, nullptr);
  }

  Result start() {
    // Signals are for the program's own threads: Node's handlers run on its main thread, and a wait
    // here must not be theirs to interrupt.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    // Not std::thread: it can report a failure only by an exception.
    const int error = pthread_create(&thread_, nullptr, &PollWatch::enter, this);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    started_ = error == 0;
    return -error;
  }

  Result arm(double timeout_ms) override {
    {
      const std::lock_guard lock(mutex_);
      armed_ = true;
      timeout_ms_ = timeout_ms;
    }
    return tell();
  }

 private:
  static void* enter(void* self) {
    // Safe: start() passes `this`, and the destructor joins the thread before the object goes.
    static_cast<PollWatch*>(self)->work();
    return nullptr;
  }

  Result tell() {
    const uint64_t one = 1;
    while (write(control_.get(), &one, sizeof one) < 0) {
      if (errno != EINTR) return -errno;
    }
    return 0;
  }

  void work() {
    for (;;) {
      bool armed = false;
      double timeout_ms = -1;
      {
        const std::lock_guard lock(mutex_);
        if (ending_) return;
        armed = armed_;
        timeout_ms = timeout_ms_;
      }
      // Unarmed, only the eventfd counts: what is ready stays ready, and would otherwise be
      // reported for ever.
      std::array<pollfd, 2> watched{pollfd{control_.get(), POLLIN, 0},
                                    pollfd{descriptor_, POLLIN, 0}};
      timespec limit{};
      const bool limited = armed && timeout_ms >= 0;
      if (limited) {
        const double bounded_ms = std::fmin(timeout_ms, kLongestTimeoutMs);
        const double seconds = std::floor(bounded_ms / 1000);
        limit.tv_sec = static_cast<time_t>(seconds);
        limit.tv_nsec = static_cast<long>((bounded_ms - seconds * 1000) * 1e6);
      }
      const int ready = ppoll(watched.data(), armed ? 2 : 1, limited ? &limit : nullptr, nullptr);
      if (ready < 0) {
        // ENOMEM is the only error left: the next round tries again, and lets others give some back
        // first.
        const timespec pause{0, kNoMemoryPauseNs};
        nanosleep(&pause, nullptr);
        continue;
      }
      if ((watched[0].revents & POLLIN) != 0) {
        uint64_t count = 0;
        // Non-blocking, and a failed read only means that there was nothing: the state above is
        // what counts.
        if (read(control_.get(), &count, sizeof count) < 0) continue;
        continue;
      }
      {
        const std::lock_guard lock(mutex_);
        if (ending_) return;
        armed_ = false;
      }
      on_ready_();
    }
  }

  int descriptor_;
  UniqueFd control_;
  std::function<void()> on_ready_;
  std::mutex mutex_;
  bool armed_ = false;
  bool ending_ = false;
  double timeout_ms_ = -1;
  pthread_t thread_{};
  bool started_ = false;
};

}  // namespace

Result open_loop_watch(int descriptor, std::function<void()> on_ready,
                       std::unique_ptr<LoopWatch>& out) {
  UniqueFd control(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!control) return -errno;
  auto watch = std::make_unique<PollWatch>(descriptor, std::move(control), std::move(on_ready));
  if (const Result started = watch->start(); started < 0) return started;
  out = std::move(watch);
  return 0;
}

}  // namespace pollport
