// Waking by number as a function on `exports`.

#include "../contract/waker.h"

#include "arguments.h"
#include "exports.h"

namespace pollport {
namespace {

Napi::Value waker_wake(const Napi::CallbackInfo& info) {
  return answer(info.Env(), wake_by_number(handle_argument(info, 0)));
}

}  // namespace

void export_waker(Napi::Env env, Napi::Object exports) {
  exports.Set("wakerWake", Napi::Function::New(env, waker_wake, "wakerWake"));
}

}  // namespace pollport
