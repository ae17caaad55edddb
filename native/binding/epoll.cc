// epoll and the exchange as functions on `exports`: reads arguments, calls linux/, gives numbers back. Refuses to decide anything.

#include <algorithm>
#include <memory>

#include "../linux/datagrams.h"
#include "../linux/exchange.h"
#include "../linux/loop_watch.h"
#include "../linux/streams.h"
#include "arguments.h"
#include "epoll_core.h"
#include "exports.h"
#include "loop_watch.h"

namespace pollport {
namespace {

EpollCore* core_of(const Napi::CallbackInfo& info) { return Environment::of(info.Env()).find<EpollCore>(int32_argument(info, 0)); }

// The words that a program never sees: TypeScript checks for closed objects first.
Napi::Value closed(Napi::Env env) { return answer(env, -EBADF); }

Napi::Value epoll_create(const Napi::CallbackInfo& info) {
  std::unique_ptr<Epoll> epoll;
  if (const Result made = Epoll::create(epoll); made < 0) return answer(info.Env(), made);
  auto core = std::make_unique<EpollCore>(std::move(epoll));
  return answer(info.Env(), Environment::of(info.Env()).add(info.Env(), object_argument(info, 0), std::move(core)));
}

Napi::Value epoll_close(const Napi::CallbackInfo& info) {
  if (core_of(info) == nullptr) return closed(info.Env());
  Environment::of(info.Env()).remove(info.Env(), int32_argument(info, 0));
  return answer(info.Env(), 0);
}

Napi::Value epoll_has_fine_timeouts(const Napi::CallbackInfo& info) { return Napi::Boolean::New(info.Env(), Epoll::has_fine_timeouts()); }

Napi::Value epoll_fd(const Napi::CallbackInfo& info) {
  EpollCore* core = core_of(info);
  return core == nullptr ? closed(info.Env()) : answer(info.Env(), core->exchange.epoll().descriptor());
}

Napi::Value epoll_waker_handle(const Napi::CallbackInfo& info) {
  EpollCore* core = core_of(info);
  return core == nullptr ? closed(info.Env()) : answer(info.Env(), core->exchange.epoll().waker().number());
}

Napi::Value epoll_control(const Napi::CallbackInfo& info) {
  EpollCore* core = core_of(info);
  if (core == nullptr) return closed(info.Env());
  const auto index = static_cast<uint32_t>(int32_argument(info, 4));
  const auto generation = static_cast<uint32_t>(int32_argument(info, 5));
  return answer(info.Env(), core->exchange.epoll().control(int32_argument(info, 1), int32_argument(info, 2), uint32_argument(info, 3),
                                                           static_cast<uint64_t>(generation) << 32 | index));
}

Napi::Value epoll_wait_raw(const Napi::CallbackInfo& info) {
  EpollCore* core = core_of(info);
  if (core == nullptr) return closed(info.Env());
  const std::span<int32_t> into = int32_span_argument(info, 1);
  const auto capacity = static_cast<size_t>(std::max(int32_argument(info, 2), 1));
  if (into.size() < capacity * 3) return answer(info.Env(), -EINVAL);
  if (core->raw_events.size() < capacity) core->raw_events.resize(capacity);
  const std::span<epoll_event> events(core->raw_events.data(), capacity);
  const Epoll::Waited waited = core->exchange.epoll().wait(events, double_argument(info, 3));
  if (waited.count == 0 && waited.woken) return answer(info.Env(), kEpollWoken);
  for (int64_t i = 0; i < waited.count; i++) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    int32_t* out = into.data() + i * 3;
    out[0] = static_cast<int32_t>(event.data.u64 & 0xffffffff);
    out[1] = static_cast<int32_t>(event.data.u64 >> 32);
    out[2] = static_cast<int32_t>(event.events);
  }
  return answer(info.Env(), waited.count);
}

Napi::Value epoll_watch(const Napi::CallbackInfo& info) {
  EpollCore* core = core_of(info);
  if (core == nullptr) return closed(info.Env());
  return answer(info.Env(), core->exchange.watch(int32_argument(info, 1), int32_argument(info, 2), int32_argument(info, 3),
                                                 static_cast<uint8_t>(int32_argument(info, 4))));
}

Napi::Value epoll_receive(const Napi::CallbackInfo& info) {
  EpollCore* core = core_of(info);
  if (core == nullptr) return closed(info.Env());
  return answer(info.Env(),
                core->exchange.table().set_receiving(core->exchange.epoll(), int32_argument(info, 1), boolean_argument(info, 2)));
}

Napi::Value epoll_release(const Napi::CallbackInfo& info) {
  EpollCore* core = core_of(info);
  if (core == nullptr) return closed(info.Env());
  return answer(info.Env(), core->exchange.table().release(core->exchange.epoll(), int32_argument(info, 1), int32_argument(info, 2)));
}

Napi::Value epoll_send(const Napi::CallbackInfo& info) {
  EpollCore* core = core_of(info);
  if (core == nullptr) return closed(info.Env());
  const std::span<const uint8_t> bytes = bytes_argument(info, 2, int32_argument(info, 3), int32_argument(info, 4));
  return answer(info.Env(), send_stream(core->exchange.epoll(), core->exchange.table(), int32_argument(info, 1), bytes));
}

Napi::Value epoll_send_datagram(const Napi::CallbackInfo& info) {
  EpollCore* core = core_of(info);
  if (core == nullptr) return closed(info.Env());
  const std::span<const uint8_t> bytes = bytes_argument(info, 2, int32_argument(info, 3), int32_argument(info, 4));
  const PackedAddress to = address_argument(info, 2, int32_argument(info, 5));
  return answer(info.Env(), send_datagram(core->exchange.epoll(), core->exchange.table(), int32_argument(info, 1), bytes, to));
}

Napi::Value epoll_exchange(const Napi::CallbackInfo& info) {
  EpollCore* core = core_of(info);
  if (core == nullptr) return closed(info.Env());
  Exchange& exchange = core->exchange;
  const Outbox outbox(bytes_argument(info, 1), int32_span_argument(info, 2), int32_argument(info, 3));
  Batch batch(bytes_argument(info, 4), exchange.limits().stream_bytes, int32_span_argument(info, 5));
  if (boolean_argument(info, 7)) {
    exchange.flush(outbox, batch);
  } else if (const Result result = exchange.run(outbox, batch, double_argument(info, 6)); result < 0) {
    return answer(info.Env(), result);
  }
  return answer(info.Env(), static_cast<Result>(batch.count()));
}

Napi::Value epoll_limits(const Napi::CallbackInfo& info) {
  EpollCore* core = core_of(info);
  if (core == nullptr) return closed(info.Env());
  core->exchange.set_limits({static_cast<size_t>(int32_argument(info, 1)), static_cast<size_t>(int32_argument(info, 2)),
                             static_cast<size_t>(int32_argument(info, 3)), int32_argument(info, 4),
                             static_cast<size_t>(int32_argument(info, 5))});
  return answer(info.Env(), 0);
}

}  // namespace

Result open_core_watch(Environment& environment, int32_t core, std::function<void()> on_ready, std::unique_ptr<LoopWatch>& out) {
  EpollCore* found = environment.find<EpollCore>(core);
  return found == nullptr ? -EBADF : open_loop_watch(found->exchange.epoll().descriptor(), std::move(on_ready), out);
}

void export_system_objects(Napi::Env env, Napi::Object exports) {
  const auto put = [&](const char* name, auto function) { exports.Set(name, Napi::Function::New(env, function, name)); };
  put("epollCreate", epoll_create);
  put("epollClose", epoll_close);
  put("epollHasFineTimeouts", epoll_has_fine_timeouts);
  put("epollFd", epoll_fd);
  put("epollWakerHandle", epoll_waker_handle);
  put("epollControl", epoll_control);
  put("epollWait", epoll_wait_raw);
  put("epollWatch", epoll_watch);
  put("epollReceive", epoll_receive);
  put("epollRelease", epoll_release);
  put("epollSend", epoll_send);
  put("epollSendDatagram", epoll_send_datagram);
  put("epollExchange", epoll_exchange);
  put("epollLimits", epoll_limits);
}

}  // namespace pollport
