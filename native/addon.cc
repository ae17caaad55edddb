// The addon's entry: one environment for each JavaScript thread that loads it, and what its build
// has to offer.

#include <napi.h>

#include "binding/environment.h"
#include "binding/exports.h"

namespace {

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  pollport::Environment::create(env);
  pollport::export_layout(env, exports);
  pollport::export_clock(env, exports);
  pollport::export_socket(env, exports);
  pollport::export_waker(env, exports);
  pollport::export_exchange(env, exports);
  pollport::export_loop_watch(env, exports);
  pollport::export_system_objects(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(pollport, initialize)
