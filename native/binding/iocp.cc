// The completion port as functions on `exports`: reads arguments, calls windows/, gives numbers
// back. Refuses to decide anything.

#include "../windows/iocp.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "../windows/handles.h"
#include "arguments.h"
#include "environment.h"
#include "exports.h"
#include "overlapped.h"

namespace pollport {
namespace {

// What iocpWait writes for each completion; lib/binding/iocp.ts has the same number.
constexpr size_t kNumbersPerCompletion = 6;

struct IocpHolder final : Closable {
  static constexpr int kKind = 4;
  int kind() const override { return kKind; }
  explicit IocpHolder(std::unique_ptr<Iocp> opened) : iocp(std::move(opened)) {}

  std::unique_ptr<Iocp> iocp;
  std::vector<OVERLAPPED_ENTRY> entries;  // iocpWait's, kept so that a wait allocates nothing
};

IocpHolder* holder_of(const Napi::CallbackInfo& info) {
  return Environment::of(info.Env()).find<IocpHolder>(int32_argument(info, 0));
}

Result closed() { return -static_cast<Result>(ERROR_INVALID_HANDLE); }

Napi::Value iocp_create(const Napi::CallbackInfo& info) {
  std::unique_ptr<Iocp> iocp;
  if (const Result made = Iocp::create(uint32_argument(info, 1), iocp); made < 0)
    return answer(info.Env(), made);
  auto holder = std::make_unique<IocpHolder>(std::move(iocp));
  return answer(
      info.Env(),
      Environment::of(info.Env()).add(info.Env(), object_argument(info, 0), std::move(holder)));
}

Napi::Value iocp_close(const Napi::CallbackInfo& info) {
  IocpHolder* holder = holder_of(info);
  if (holder == nullptr) return answer(info.Env(), closed());
  if (RawOperations* operations = raw_operations(info, 1))
    operations->drain(*holder->iocp, int32_argument(info, 0));
  Environment::of(info.Env()).remove(info.Env(), int32_argument(info, 0));
  return answer(info.Env(), 0);
}

Napi::Value iocp_associate(const Napi::CallbackInfo& info) {
  IocpHolder* holder = holder_of(info);
  if (holder == nullptr) return answer(info.Env(), closed());
  const ULONG_PTR key = key_of(int32_argument(info, 2), int32_argument(info, 3));
  return answer(info.Env(),
                holder->iocp->associate(static_cast<SOCKET>(handle_argument(info, 1)), key));
}

Napi::Value iocp_post(const Napi::CallbackInfo& info) {
  IocpHolder* holder = holder_of(info);
  if (holder == nullptr) return answer(info.Env(), closed());
  const ULONG_PTR key = key_of(int32_argument(info, 1), int32_argument(info, 2));
  return answer(info.Env(), holder->iocp->post(key, uint32_argument(info, 3), nullptr));
}

Napi::Value iocp_wait(const Napi::CallbackInfo& info) {
  IocpHolder* holder = holder_of(info);
  RawOperations* operations = raw_operations(info, 1);
  if (holder == nullptr || operations == nullptr) return answer(info.Env(), closed());
  const std::span<double> into = float64_span_argument(info, 2);
  const auto capacity = static_cast<size_t>(std::max(int32_argument(info, 3), 1));
  if (into.size() < capacity * kNumbersPerCompletion)
    return answer(info.Env(), -static_cast<Result>(ERROR_INVALID_PARAMETER));
  if (holder->entries.size() < capacity) holder->entries.resize(capacity);
  const std::span<OVERLAPPED_ENTRY> entries(holder->entries.data(), capacity);
  const Iocp::Waited waited = holder->iocp->wait(entries, double_argument(info, 4));
  if (waited.count < 0) return answer(info.Env(), waited.count);
  if (waited.count == 0 && waited.woken) return answer(info.Env(), kWoken);

  double* out = into.data();
  for (Result i = 0; i < waited.count; i++) {
    const OVERLAPPED_ENTRY& entry = entries[static_cast<size_t>(i)];
    RawCompletion completion{};
    if (!operations->complete(entry, completion)) continue;
    out[0] = index_of(entry.lpCompletionKey);
    out[1] = generation_of(entry.lpCompletionKey);
    out[2] = static_cast<double>(completion.token);
    out[3] = completion.bytes;
    out[4] = completion.error;
    out[5] = completion.posted ? 1 : 0;
    out += kNumbersPerCompletion;
  }
  return answer(info.Env(), (out - into.data()) / static_cast<Result>(kNumbersPerCompletion));
}

Napi::Value iocp_waker_handle(const Napi::CallbackInfo& info) {
  IocpHolder* holder = holder_of(info);
  return answer(info.Env(), holder == nullptr ? closed() : holder->iocp->waker().number());
}

Napi::Value handle_count(const Napi::CallbackInfo& info) {
  return answer(info.Env(), count_handles(uint32_argument(info, 0)));
}

}  // namespace

void export_system_objects(Napi::Env env, Napi::Object exports) {
  const auto put = [&](const char* name, auto function) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  put("iocpCreate", iocp_create);
  put("iocpClose", iocp_close);
  put("iocpAssociate", iocp_associate);
  put("iocpPost", iocp_post);
  put("iocpWait", iocp_wait);
  put("iocpWakerHandle", iocp_waker_handle);
  put("handleCount", handle_count);
  export_overlapped(env, exports);
}

}  // namespace pollport
