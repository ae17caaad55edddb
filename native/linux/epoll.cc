// epoll_create1, epoll_ctl and epoll_pwait2 (epoll_wait where the kernel has no epoll_pwait2), and
// what a signal does to a wait.

#include "epoll.h"

#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cmath>

namespace pollport {
namespace {

constexpr uint64_t kWakerData = 0;
constexpr int64_t kNanosecondsPerMillisecond = 1'000'000;
constexpr int64_t kForever = -1;
// The longest timeout that epoll_wait takes, 24 days: TypeScript refuses longer timeouts, this
// keeps the arithmetic from overflowing.
constexpr double kLongestTimeoutMs = 2147483647.0;

// The kernel's own layout of a 64-bit timespec (include/uapi/linux/time_types.h), which
// epoll_pwait2 takes on every architecture.
struct KernelTimespec {
  int64_t seconds;
  int64_t nanoseconds;
};

#ifndef SYS_epoll_pwait2
// Old headers, newer kernel: the number is the same on all architectures since system calls were
// unified (Linux 5.11).
constexpr long kEpollPwait2 = 441;
#else
constexpr long kEpollPwait2 = SYS_epoll_pwait2;
#endif

int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

int64_t to_ns(double timeout_ms) {
  if (timeout_ms < 0) return kForever;
  return static_cast<int64_t>(
      std::ceil(std::fmin(timeout_ms, kLongestTimeoutMs) * kNanosecondsPerMillisecond));
}

// epoll_wait counts whole milliseconds: rounded up, so that it is late by less than one rather than
// early.
int to_whole_ms(int64_t timeout_ns) {
  if (timeout_ns < 0) return -1;
  return static_cast<int>((timeout_ns + kNanosecondsPerMillisecond - 1) /
                          kNanosecondsPerMillisecond);
}

int wait_once(int epoll, std::span<epoll_event> events, int64_t timeout_ns) {
  const int capacity = static_cast<int>(events.size());
  // Without a time to wait, or without an end, the older call says the same.
  if (timeout_ns <= 0 || !Epoll::has_fine_timeouts())
    return epoll_wait(epoll, events.data(), capacity, to_whole_ms(timeout_ns));
  const KernelTimespec timeout{timeout_ns / 1'000'000'000, timeout_ns % 1'000'000'000};
  return static_cast<int>(
      syscall(kEpollPwait2, epoll, events.data(), capacity, &timeout, nullptr, 0));
}

}  // namespace

bool Epoll::has_fine_timeouts() {
  // Asked of no descriptor: EBADF comes from a kernel that has the call. One that lacks it says
  // ENOSYS, and the seccomp profile of an old container engine EPERM.
  static const bool has =
      syscall(kEpollPwait2, -1, nullptr, 1, nullptr, nullptr, 0) < 0 && errno == EBADF;
  return has;
}

Result Epoll::create(std::unique_ptr<Epoll>& out) {
  UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return -errno;
  const int wake_object = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (wake_object < 0) return -errno;
  std::shared_ptr<Waker> waker;
  Waker::create(wake_object, waker);
  // Level-triggered: a wake that comes while nobody waits is still there for the next wait.
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kWakerData;
  if (epoll_ctl(epoll.get(), EPOLL_CTL_ADD, static_cast<int>(waker->system_object()), &event) != 0)
    return -errno;
  out = std::make_unique<Epoll>(std::move(epoll), std::move(waker));
  return 0;
}

Result Epoll::control(int operation, int fd, uint32_t events, uint64_t data) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = data;
  return epoll_ctl(epoll_.get(), operation, fd, &event) == 0 ? 0 : -errno;
}

Epoll::Waited Epoll::wait(std::span<epoll_event> events, double timeout_ms) {
  int64_t left_ns = to_ns(timeout_ms);
  const int64_t deadline_ns = left_ns > 0 ? now_ns() + left_ns : 0;
  int count = wait_once(epoll_.get(), events, left_ns);
  while (count < 0 && errno == EINTR) {
    if (left_ns > 0) left_ns = std::max<int64_t>(deadline_ns - now_ns(), 0);
    count = wait_once(epoll_.get(), events, left_ns);
  }
  if (count < 0) return {-errno, false};

  Waited waited{count, false};
  for (int i = 0; i < count; i++) {
    if (events[i].data.u64 != kWakerData) continue;
    waker_->drain();
    waited.woken = true;
    waited.count--;
    // Order is kept: a program that serves in order serves fairly.
    std::copy(events.begin() + i + 1, events.begin() + count, events.begin() + i);
    break;
  }
  return waited;
}

}  // namespace pollport
