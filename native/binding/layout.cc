// The numbers of contract/records.h as an object, for lib/binding/load.ts to compare with its own,
// and where bytes lie in memory.

#include <initializer_list>
#include <utility>

#include "../contract/address.h"
#include "../contract/records.h"
#include "arguments.h"
#include "exports.h"

namespace pollport {
namespace {

Napi::Object numbers(Napi::Env env,
                     std::initializer_list<std::pair<const char*, int32_t>> entries) {
  Napi::Object object = Napi::Object::New(env);
  for (const auto& [name, value] : entries) object.Set(name, Napi::Number::New(env, value));
  return object;
}

constexpr uintptr_t kPageBytes = 4096;

Napi::Value page_offset(const Napi::CallbackInfo& info) {
  // Safe: the address is only looked at as a number.
  const auto address = reinterpret_cast<uintptr_t>(bytes_argument(info, 0).data());
  return Napi::Number::New(info.Env(), static_cast<double>(address % kPageBytes));
}

}  // namespace

void export_layout(Napi::Env env, Napi::Object exports) {
  Napi::Object layout =
      numbers(env, {{"recordStride", kRecordStride},
                    {"outboxStride", kOutboxStride},
                    {"packedAddressBytes", static_cast<int32_t>(sizeof(PackedAddress))}});
  layout.Set("kinds", numbers(env, {{"accepted", kKindAccepted},
                                    {"acceptFailed", kKindAcceptFailed},
                                    {"connected", kKindConnected},
                                    {"received", kKindReceived},
                                    {"ended", kKindEnded},
                                    {"failed", kKindFailed},
                                    {"writable", kKindWritable},
                                    {"datagram", kKindDatagram},
                                    {"datagramFailed", kKindDatagramFailed},
                                    {"sendShort", kKindSendShort},
                                    {"sendFailed", kKindSendFailed},
                                    {"woken", kKindWoken}}));
  layout.Set("watch", numbers(env, {{"listener", kWatchListener},
                                    {"connecting", kWatchConnecting},
                                    {"connection", kWatchConnection},
                                    {"datagram", kWatchDatagram},
                                    {"datagramReportingErrors", kWatchDatagramReportingErrors},
                                    {"accepted", kWatchAccepted}}));
  layout.Set("release", numbers(env, {{"detach", kReleaseDetach},
                                      {"close", kReleaseClose},
                                      {"reset", kReleaseReset},
                                      {"finish", kReleaseFinish}}));
  layout.Set("batchCalls", numbers(env, {{"never", kBatchCallsNever},
                                         {"auto", kBatchCallsAuto},
                                         {"always", kBatchCallsAlways}}));
  exports.Set("layout", layout);
  exports.Set("pageOffset", Napi::Function::New(env, page_offset, "pageOffset"));
}

}  // namespace pollport
