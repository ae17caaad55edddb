// The loop watch as functions on `exports`: brings a call from the watching thread to JavaScript's
// by a threadsafe function, or has Node's own loop watch and call.

#include "../contract/loop_watch.h"

#include <functional>
#include <memory>

#include "arguments.h"
#include "exchange_holder.h"
#include "exports.h"

namespace pollport {
namespace {

struct WatchHolder;

// A watch in Node's loop leaves it in a later turn, and until then the environment may not end:
// an asynchronous cleanup hook says so. It lives until the loop has closed it.
struct Departure {
  WatchHolder* holder = nullptr;  // while that one lives
  napi_async_cleanup_hook_handle hook = nullptr;
};

struct WatchHolder final : Closable {
  static constexpr int kKind = 2;
  int kind() const override { return kKind; }
  ~WatchHolder() override {
    close();
    if (departure) departure->holder = nullptr;
  }

  // By a thread: the thread ends first, then the function that it calls.
  void close() {
    if (!watch) return;
    watch.reset();
    if (departure) return;
    function.Release();
    napi_remove_env_cleanup_hook(env, &WatchHolder::at_environment_end, this);
  }

  // Node takes threadsafe functions down in a hook of its own, before instance data goes. Hooks run
  // last in, first out, so that this one ends the thread while the function still lives.
  static void at_environment_end(void* self) {
    // Safe: registered with `this` by open_thread, and taken back by close(), which the destructor
    // calls.
    auto* holder = static_cast<WatchHolder*>(self);
    holder->watch.reset();
  }

  void keep_alive(bool on) {
    watch->keep_alive(on);
    if (departure) return;
    if (on) {
      function.Ref(env);
    } else {
      function.Unref(env);
    }
  }

  Result open_thread(Exchange& exchange, Napi::Function on_ready);
  Result open_in_node_loop(Exchange& exchange, Napi::Function on_ready);
  void call_in_node_loop();

  napi_env env = nullptr;
  std::unique_ptr<LoopWatch> watch;
  // By a thread.
  Napi::ThreadSafeFunction function;
  // By Node's loop.
  Napi::FunctionReference on_ready;
  std::shared_ptr<Departure> departure;
};

// Otherwise Node swallows what a callback threw, with a warning (DEP0168).
void report_exception(Napi::Env env) {
  if (!env.IsExceptionPending()) return;
  napi_value error = nullptr;
  if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
}

void call_ready(Napi::Env env, Napi::Function on_ready) {
  on_ready.Call({});
  report_exception(env);
}

Result WatchHolder::open_thread(Exchange& exchange, Napi::Function callback) {
  // A queue of one is enough: calls say "look", and one look sees everything.
  function = Napi::ThreadSafeFunction::New(env, callback, "pollport.run", 1, 1);
  const auto on_ready_there = [function = function] { function.NonBlockingCall(call_ready); };
  const Result opened = exchange.open_watch(on_ready_there, watch);
  if (opened < 0) {
    function.Release();
    return opened;
  }
  napi_add_env_cleanup_hook(env, &WatchHolder::at_environment_end, this);
  return opened;
}

void WatchHolder::call_in_node_loop() {
  const Napi::Env there(env);
  const Napi::HandleScope scope(there);
  // The callback may close this watch, and with it this object: nothing of it is used afterwards.
  const Napi::Function callback = on_ready.Value();
  callback.MakeCallback(there.Global(), {});
  report_exception(there);
}

Result WatchHolder::open_in_node_loop(Exchange& exchange, Napi::Function callback) {
  uv_loop_s* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return -1;
  const auto departing = std::make_shared<Departure>();
  departing->holder = this;
  const Result opened = exchange.open_node_loop_watch(
      loop, [this] { call_in_node_loop(); },
      [departing] {
        if (departing->hook != nullptr) napi_remove_async_cleanup_hook(departing->hook);
      },
      watch);
  if (opened < 0) return opened;
  const auto leave = [](napi_async_cleanup_hook_handle /*hook*/, void* data) {
    // Safe: the hook is removed when the loop has closed it, and `departing` lives until then.
    auto* leaving = static_cast<Departure*>(data);
    if (leaving->holder != nullptr) leaving->holder->watch.reset();
  };
  if (napi_add_async_cleanup_hook(env, leave, departing.get(), &departing->hook) != napi_ok) {
    watch.reset();
    return -1;
  }
  departure = departing;
  on_ready = Napi::Persistent(callback);
  return opened;
}

// What the program's own function threw, when none of the program's code has called it.
Napi::Value throw_uncaught(const Napi::CallbackInfo& info) {
  napi_fatal_exception(info.Env(), info[0]);
  return info.Env().Undefined();
}

Napi::Value loop_watch_open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Environment& environment = Environment::of(env);
  if (!info[1].IsFunction()) {
    Napi::TypeError::New(env, "onReady must be a function").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const auto on_ready = info[1].As<Napi::Function>();
  auto* watched = environment.find<ExchangeHolder>(int32_argument(info, 0));
  if (watched == nullptr) return Napi::Number::New(env, -1);

  auto holder = std::make_unique<WatchHolder>();
  holder->env = env;
  Result opened = -1;
  if (boolean_argument(info, 2)) opened = holder->open_in_node_loop(*watched->exchange, on_ready);
  if (opened < 0) opened = holder->open_thread(*watched->exchange, on_ready);
  if (opened < 0) return Napi::Number::New(env, static_cast<double>(opened));
  return Napi::Number::New(env, environment.add(env, on_ready, std::move(holder)));
}

Napi::Value loop_watch_arm(const Napi::CallbackInfo& info) {
  WatchHolder* holder = Environment::of(info.Env()).find<WatchHolder>(int32_argument(info, 0));
  const Result armed =
      holder == nullptr || !holder->watch ? -1 : holder->watch->arm(double_argument(info, 1));
  return Napi::Number::New(info.Env(), static_cast<double>(armed));
}

Napi::Value loop_watch_looked(const Napi::CallbackInfo& info) {
  WatchHolder* holder = Environment::of(info.Env()).find<WatchHolder>(int32_argument(info, 0));
  if (holder != nullptr && holder->watch) holder->watch->looked();
  return info.Env().Undefined();
}

Napi::Value loop_watch_keep_alive(const Napi::CallbackInfo& info) {
  WatchHolder* holder = Environment::of(info.Env()).find<WatchHolder>(int32_argument(info, 0));
  if (holder != nullptr && holder->watch) holder->keep_alive(boolean_argument(info, 1));
  return info.Env().Undefined();
}

Napi::Value loop_watch_close(const Napi::CallbackInfo& info) {
  WatchHolder* holder = Environment::of(info.Env()).find<WatchHolder>(int32_argument(info, 0));
  if (holder != nullptr) {
    holder->close();
    Environment::of(info.Env()).remove(info.Env(), int32_argument(info, 0));
  }
  return Napi::Number::New(info.Env(), 0);
}

}  // namespace

void export_loop_watch(Napi::Env env, Napi::Object exports) {
  exports.Set("loopWatchOpen", Napi::Function::New(env, loop_watch_open, "loopWatchOpen"));
  exports.Set("loopWatchArm", Napi::Function::New(env, loop_watch_arm, "loopWatchArm"));
  exports.Set("loopWatchLooked", Napi::Function::New(env, loop_watch_looked, "loopWatchLooked"));
  exports.Set("loopWatchKeepAlive",
              Napi::Function::New(env, loop_watch_keep_alive, "loopWatchKeepAlive"));
  exports.Set("throwUncaught", Napi::Function::New(env, throw_uncaught, "throwUncaught"));
  exports.Set("loopWatchClose", Napi::Function::New(env, loop_watch_close, "loopWatchClose"));
}

}  // namespace pollport
