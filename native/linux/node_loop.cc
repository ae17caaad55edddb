// A uv_poll_t on the watched descriptor, and a uv_timer_t for the time limit and to keep the loop
// alive. Handles of libuv outlive the watch: uv_close() gives their memory back in a later turn.

#include "node_loop.h"

#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace pollport {
namespace {

// libuv's ABI, the same in all of its versions 1 (uv.h): the handles are opaque here, and only
// libuv knows how large they are.
using UvHandle = void;
using PollCallback = void (*)(UvHandle* handle, int status, int events);
using TimerCallback = void (*)(UvHandle* handle);
using CloseCallback = void (*)(UvHandle* handle);
constexpr int kUvPoll = 8;    // UV_POLL of uv_handle_type
constexpr int kUvTimer = 13;  // UV_TIMER
constexpr int kUvReadable = 1;
// What the timer waits when there is no limit: it is there to keep the loop alive.
constexpr double kUnlimitedMs = 1e12;
// So often Node's loop may find the descriptor ready while nobody asks.
constexpr int kMostIgnored = 8;

}  // namespace

// Weak: a process that has none of them loads the addon all the same, and their addresses are null.
extern "C" {
[[gnu::weak]] size_t uv_handle_size(int type);
[[gnu::weak]] int uv_poll_init(void* loop, UvHandle* handle, int descriptor);
[[gnu::weak]] int uv_poll_start(UvHandle* handle, int events, PollCallback callback);
[[gnu::weak]] int uv_poll_stop(UvHandle* handle);
[[gnu::weak]] int uv_timer_init(void* loop, UvHandle* handle);
[[gnu::weak]] int uv_timer_start(UvHandle* handle, TimerCallback callback, uint64_t ms,
                                 uint64_t repeat_ms);
[[gnu::weak]] void uv_ref(UvHandle* handle);
[[gnu::weak]] void uv_unref(UvHandle* handle);
[[gnu::weak]] void uv_close(UvHandle* handle, CloseCallback callback);
[[gnu::weak]] void uv_handle_set_data(UvHandle* handle, void* data);
[[gnu::weak]] void* uv_handle_get_data(const UvHandle* handle);
}

namespace {

bool has_libuv() {
  return uv_handle_size != nullptr && uv_poll_init != nullptr && uv_poll_start != nullptr &&
         uv_poll_stop != nullptr && uv_timer_init != nullptr && uv_timer_start != nullptr &&
         uv_ref != nullptr && uv_unref != nullptr && uv_close != nullptr &&
         uv_handle_set_data != nullptr && uv_handle_get_data != nullptr;
}

// What lives until libuv has closed both handles.
struct Handles {
  std::unique_ptr<std::byte[]> poll;
  std::unique_ptr<std::byte[]> timer;
  std::function<void()> on_ready;
  std::function<void()> on_gone;
  int open = 0;
  bool armed = false;
  bool polling = false;
  bool limited = false;
  // Of readiness since somebody has armed it or looked.
  int ignored = 0;

  Handles(std::function<void()> ready, std::function<void()> gone)
      : poll(std::make_unique<std::byte[]>(uv_handle_size(kUvPoll))),
        timer(std::make_unique<std::byte[]>(uv_handle_size(kUvTimer))),
        on_ready(std::move(ready)),
        on_gone(std::move(gone)) {}

  Result start_polling() {
    const int started = uv_poll_start(poll.get(), kUvReadable, &Handles::polled);
    polling = started == 0;
    return started;
  }

  void start_timer(double ms) {
    limited = ms < kUnlimitedMs;
    uv_timer_start(timer.get(), &Handles::timed, static_cast<uint64_t>(std::ceil(ms)), 0);
  }

  // The last thing that a callback does: it may destroy the watch.
  void fire() {
    armed = false;
    on_ready();
  }

  static Handles* of(const UvHandle* handle);
  static void polled(UvHandle* handle, int status, int events);
  static void timed(UvHandle* handle);
  static void closed(UvHandle* handle);
};

Handles* Handles::of(const UvHandle* handle) {
  // Safe: open_node_loop_watch() gives both handles their Handles, which goes when both are closed.
  return static_cast<Handles*>(uv_handle_get_data(handle));
}

void Handles::polled(UvHandle* handle, int status, int /*events*/) {
  Handles* self = of(handle);
  // After an error the handle is stopped (libuv documentation, uv_poll_start): the next arm()
  // starts it again, or says why it cannot.
  if (status < 0) self->polling = false;
  if (!self->armed) {
    // Usually somebody looks in this turn.
    if (++self->ignored < kMostIgnored) return;
    // What is ready stays ready: the loop must not spin until somebody asks again. Not sooner: to
    // put an epoll back into the one of Node's loop, the kernel goes through all of its sockets
    // (milliseconds for ten thousand).
    uv_poll_stop(handle);
    self->polling = false;
    return;
  }
  self->fire();
}

void Handles::timed(UvHandle* handle) {
  Handles* self = of(handle);
  self->start_timer(kUnlimitedMs);
  if (self->armed) self->fire();
}

void Handles::closed(UvHandle* handle) {
  Handles* self = of(handle);
  self->open--;
  if (self->open > 0) return;
  const std::unique_ptr<Handles> last(self);
  last->on_gone();
}

class NodeLoopWatch final : public LoopWatch {
 public:
  explicit NodeLoopWatch(std::unique_ptr<Handles> handles) : handles_(handles.release()) {}
  NodeLoopWatch(const NodeLoopWatch&) = delete;
  NodeLoopWatch& operator=(const NodeLoopWatch&) = delete;
  ~NodeLoopWatch() override {
    handles_->armed = false;
    // The descriptor is out of libuv's hands when this returns; the memory is not.
    uv_close(handles_->poll.get(), &Handles::closed);
    uv_close(handles_->timer.get(), &Handles::closed);
  }

  Result arm(double timeout_ms) override {
    if (!handles_->polling) {
      if (const Result started = handles_->start_polling(); started < 0) return started;
    }
    handles_->armed = true;
    handles_->ignored = 0;
    if (timeout_ms >= 0) {
      handles_->start_timer(std::fmin(timeout_ms, kUnlimitedMs));
    } else if (handles_->limited) {
      handles_->start_timer(kUnlimitedMs);
    }
    return 0;
  }

  void looked() override { handles_->ignored = 0; }

  void keep_alive(bool on) override {
    for (UvHandle* handle : {static_cast<UvHandle*>(handles_->poll.get()),
                             static_cast<UvHandle*>(handles_->timer.get())}) {
      on ? uv_ref(handle) : uv_unref(handle);
    }
  }

 private:
  // Handles::closed() gives it back.
  Handles* handles_;
};

}  // namespace

Result open_node_loop_watch(void* loop, int descriptor, std::function<void()> on_ready,
                            std::function<void()> on_gone, std::unique_ptr<LoopWatch>& out) {
  if (!has_libuv()) return -ENOSYS;
  auto handles = std::make_unique<Handles>(std::move(on_ready), std::move(on_gone));
  // A handle whose init has failed is not in the loop.
  if (const int failed = uv_poll_init(loop, handles->poll.get(), descriptor); failed < 0)
    return failed;
  uv_timer_init(loop, handles->timer.get());
  uv_handle_set_data(handles->poll.get(), handles.get());
  uv_handle_set_data(handles->timer.get(), handles.get());
  handles->open = 2;
  handles->start_timer(kUnlimitedMs);
  out = std::make_unique<NodeLoopWatch>(std::move(handles));
  return 0;
}

}  // namespace pollport
