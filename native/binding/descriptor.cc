// Descriptors as functions on `exports`: reads arguments, calls linux/, gives numbers back. Refuses
// to decide anything.

#include "descriptor.h"

#include "../linux/descriptor.h"
#include "arguments.h"
#include "environment.h"

namespace pollport {
namespace {

Napi::Value fcntl_dup_fd(const Napi::CallbackInfo& info) {
  const Result duplicate = duplicate_descriptor(int32_argument(info, 0));
  if (duplicate >= 0) Environment::of(info.Env()).hold(duplicate);
  return answer(info.Env(), duplicate);
}

}  // namespace

void export_descriptor(Napi::Env env, Napi::Object exports) {
  exports.Set("fcntlDupFd", Napi::Function::New(env, fcntl_dup_fd, "fcntlDupFd"));
}

}  // namespace pollport
