// The raw floor's operations of one thread, by the tokens that TypeScript gives them. Seen by the
// bindings of ports and of operations.
#pragma once

#include <napi.h>

#include <unordered_map>

#include "../windows/iocp.h"
#include "../windows/overlapped_pool.h"
#include "environment.h"

namespace pollport {

struct RawCompletion {
  int64_t token;  // -1 = none: posted
  DWORD bytes;
  DWORD error;
  bool posted;
};

class RawOperations final : public Closable {
 public:
  static constexpr int kKind = 5;
  int kind() const override { return kKind; }
  ~RawOperations() override;

  Operation& take(OperationKind kind, SOCKET socket, int64_t token, int32_t port);
  Operation* find(int64_t token) const;
  void give_back(int64_t token);
  // Reads what a port gave back; false for what nobody here started or posted.
  bool complete(const OVERLAPPED_ENTRY& entry, RawCompletion& out);
  // Cancels what is to complete at that port and takes the completions off it.
  void drain(Iocp& iocp, int32_t port);

 private:
  OverlappedPool pool_;
  std::unordered_map<int64_t, Operation*> by_token_;
};

// The one whose number is the argument at `position`, or nullptr.
RawOperations* raw_operations(const Napi::CallbackInfo& info, size_t position);

void export_overlapped(Napi::Env env, Napi::Object exports);

}  // namespace pollport
