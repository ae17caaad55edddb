// The clock as a function on `exports`.

#include "../contract/clock.h"

#include "exports.h"

namespace pollport {
namespace {

Napi::Value clock_ms_now(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), clock_ms());
}

}  // namespace

void export_clock(Napi::Env env, Napi::Object exports) {
  exports.Set("clockMs", Napi::Function::New<clock_ms_now>(env, "clockMs"));
}

}  // namespace pollport
