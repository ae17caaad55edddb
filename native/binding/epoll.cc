// epoll as functions on `exports`: reads arguments, calls linux/, gives numbers back. Refuses to
// decide anything.

#include "../linux/epoll.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <vector>

#include "arguments.h"
#include "descriptor.h"
#include "environment.h"
#include "exports.h"

namespace pollport {
namespace {

struct EpollHolder final : Closable {
  static constexpr int kKind = 1;
  int kind() const override { return kKind; }
  explicit EpollHolder(std::unique_ptr<Epoll> opened) : epoll(std::move(opened)) {}

  std::unique_ptr<Epoll> epoll;
  std::vector<epoll_event> events;  // epollWait's, kept so that a wait allocates nothing
};

EpollHolder* core_of(const Napi::CallbackInfo& info) {
  return Environment::of(info.Env()).find<EpollHolder>(int32_argument(info, 0));
}

// The words that a program never sees: TypeScript checks for closed objects first.
Napi::Value closed(Napi::Env env) { return answer(env, -EBADF); }

Napi::Value epoll_create(const Napi::CallbackInfo& info) {
  std::unique_ptr<Epoll> epoll;
  if (const Result made = Epoll::create(epoll); made < 0) return answer(info.Env(), made);
  auto core = std::make_unique<EpollHolder>(std::move(epoll));
  return answer(
      info.Env(),
      Environment::of(info.Env()).add(info.Env(), object_argument(info, 0), std::move(core)));
}

Napi::Value epoll_close(const Napi::CallbackInfo& info) {
  if (core_of(info) == nullptr) return closed(info.Env());
  Environment::of(info.Env()).remove(info.Env(), int32_argument(info, 0));
  return answer(info.Env(), 0);
}

Napi::Value epoll_fd(const Napi::CallbackInfo& info) {
  EpollHolder* core = core_of(info);
  return core == nullptr ? closed(info.Env()) : answer(info.Env(), core->epoll->descriptor());
}

Napi::Value epoll_waker_handle(const Napi::CallbackInfo& info) {
  EpollHolder* core = core_of(info);
  return core == nullptr ? closed(info.Env()) : answer(info.Env(), core->epoll->waker().number());
}

Napi::Value epoll_control(const Napi::CallbackInfo& info) {
  EpollHolder* core = core_of(info);
  if (core == nullptr) return closed(info.Env());
  const auto index = static_cast<uint32_t>(int32_argument(info, 4));
  const auto generation = static_cast<uint32_t>(int32_argument(info, 5));
  return answer(info.Env(), core->epoll->control(int32_argument(info, 1), int32_argument(info, 2),
                                                 uint32_argument(info, 3),
                                                 static_cast<uint64_t>(generation) << 32 | index));
}

Napi::Value epoll_wait_raw(const Napi::CallbackInfo& info) {
  EpollHolder* core = core_of(info);
  if (core == nullptr) return closed(info.Env());
  const std::span<int32_t> into = int32_span_argument(info, 1);
  const auto capacity = static_cast<size_t>(std::max(int32_argument(info, 2), 1));
  if (into.size() < capacity * 3) return answer(info.Env(), -EINVAL);
  if (core->events.size() < capacity) core->events.resize(capacity);
  const std::span<epoll_event> events(core->events.data(), capacity);
  const Epoll::Waited waited = core->epoll->wait(events, double_argument(info, 3));
  if (waited.count == 0 && waited.woken) return answer(info.Env(), kWoken);
  for (int64_t i = 0; i < waited.count; i++) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    int32_t* out = into.data() + i * 3;
    out[0] = static_cast<int32_t>(event.data.u64 & 0xffffffff);
    out[1] = static_cast<int32_t>(event.data.u64 >> 32);
    out[2] = static_cast<int32_t>(event.events);
  }
  return answer(info.Env(), waited.count);
}

}  // namespace

void export_system_objects(Napi::Env env, Napi::Object exports) {
  const auto put = [&](const char* name, auto function) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  put("epollCreate", epoll_create);
  put("epollClose", epoll_close);
  put("epollFd", epoll_fd);
  put("epollWakerHandle", epoll_waker_handle);
  put("epollControl", epoll_control);
  put("epollWait", epoll_wait_raw);
  export_descriptor(env, exports);
}

}  // namespace pollport
