// The loop watch as functions on `exports`: brings a call from the watching thread to JavaScript's
// by a threadsafe function.

#include "../contract/loop_watch.h"

#include <functional>
#include <memory>

#include "arguments.h"
#include "exchange_holder.h"
#include "exports.h"

namespace pollport {
namespace {

// Two objects with one order of ending: the thread first, then the function that it calls.
struct WatchHolder final : Closable {
  static constexpr int kKind = 2;
  int kind() const override { return kKind; }
  ~WatchHolder() override { close(); }

  void close() {
    if (!watch) return;
    watch.reset();
    function.Release();
    napi_remove_env_cleanup_hook(env, &WatchHolder::at_environment_end, this);
  }

  // Node takes threadsafe functions down in a hook of its own, before instance data goes. Hooks run
  // last in, first out, so that this one ends the thread while the function still lives.
  static void at_environment_end(void* self) {
    // Safe: registered with `this` by loop_watch_open, and taken back by close(), which the
    // destructor calls.
    auto* holder = static_cast<WatchHolder*>(self);
    holder->watch.reset();
  }

  napi_env env = nullptr;
  Napi::ThreadSafeFunction function;
  std::unique_ptr<LoopWatch> watch;
};

void call_ready(Napi::Env env, Napi::Function on_ready) {
  on_ready.Call({});
  if (!env.IsExceptionPending()) return;
  // Otherwise Node swallows it with a warning (DEP0168).
  napi_value error = nullptr;
  if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
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

  auto holder = std::make_unique<WatchHolder>();
  holder->env = env;
  // A queue of one is enough: calls say "look", and one look sees everything.
  holder->function = Napi::ThreadSafeFunction::New(env, on_ready, "pollport.run", 1, 1);
  const Napi::ThreadSafeFunction function = holder->function;
  auto* watched = environment.find<ExchangeHolder>(int32_argument(info, 0));
  const auto on_ready_there = [function] { function.NonBlockingCall(call_ready); };
  const Result opened =
      watched == nullptr ? -1 : watched->exchange->open_watch(on_ready_there, holder->watch);
  if (opened < 0) {
    holder->function.Release();
    return Napi::Number::New(env, static_cast<double>(opened));
  }
  napi_add_env_cleanup_hook(env, &WatchHolder::at_environment_end, holder.get());
  return Napi::Number::New(env, environment.add(env, on_ready, std::move(holder)));
}

Napi::Value loop_watch_arm(const Napi::CallbackInfo& info) {
  WatchHolder* holder = Environment::of(info.Env()).find<WatchHolder>(int32_argument(info, 0));
  const Result armed =
      holder == nullptr || !holder->watch ? -1 : holder->watch->arm(double_argument(info, 1));
  return Napi::Number::New(info.Env(), static_cast<double>(armed));
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
  exports.Set("throwUncaught", Napi::Function::New(env, throw_uncaught, "throwUncaught"));
  exports.Set("loopWatchClose", Napi::Function::New(env, loop_watch_close, "loopWatchClose"));
}

}  // namespace pollport
