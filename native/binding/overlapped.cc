// Overlapped operations as functions on `exports`: reads arguments, starts one, gives its result
// back. Refuses to decide anything.

#include "overlapped.h"

#include <array>
#include <cstring>
#include <memory>

#include "../contract/clock.h"
#include "../contract/limits.h"
#include "../windows/address.h"
#include "../windows/operations.h"
#include "arguments.h"
#include "exports.h"

namespace pollport {

RawOperations::~RawOperations() {
  const double deadline = clock_ms() + kLongestDrainMs;
  pool_.each([](Operation& operation) {
    if (operation.in_flight) static_cast<void>(cancel_operation(operation.socket, &operation));
  });
  // What is not complete by then the pool leaves to the system.
  pool_.each([&](Operation& operation) {
    while (operation.in_flight && !is_complete(operation) && clock_ms() < deadline) Sleep(1);
  });
}

Operation& RawOperations::take(OperationKind kind, SOCKET socket, int64_t token, int32_t port) {
  Operation* operation = pool_.take(kind, socket);
  operation->token = token;
  operation->port = port;
  by_token_[token] = operation;
  return *operation;
}

Operation* RawOperations::find(int64_t token) const {
  const auto found = by_token_.find(token);
  return found == by_token_.end() ? nullptr : found->second;
}

void RawOperations::give_back(int64_t token) {
  Operation* operation = find(token);
  if (operation == nullptr) return;
  by_token_.erase(token);
  pool_.give_back(operation);
}

bool RawOperations::complete(const OVERLAPPED_ENTRY& entry, RawCompletion& out) {
  out = {-1, entry.dwNumberOfBytesTransferred, 0, true};
  if (entry.lpOverlapped == nullptr) return true;
  Operation* operation = pool_.find(entry.lpOverlapped);
  if (operation == nullptr) return false;
  operation->in_flight = false;
  finish(*operation);
  out = {operation->token, operation->bytes, operation->error, false};
  return true;
}

void RawOperations::drain(Iocp& iocp, int32_t port) {
  size_t left = 0;
  pool_.each([&](Operation& operation) {
    if (!operation.in_flight || operation.port != port) return;
    static_cast<void>(cancel_operation(operation.socket, &operation));
    left++;
  });
  const double deadline = clock_ms() + kLongestDrainMs;
  std::array<OVERLAPPED_ENTRY, 64> entries;
  while (left > 0 && clock_ms() < deadline) {
    const Iocp::Waited waited = iocp.wait(entries, deadline - clock_ms());
    if (waited.count < 0) return;
    for (Result i = 0; i < waited.count; i++) {
      RawCompletion completion{};
      if (complete(entries[static_cast<size_t>(i)], completion) && !completion.posted) left--;
    }
  }
}

RawOperations* raw_operations(const Napi::CallbackInfo& info, size_t position) {
  return Environment::of(info.Env()).find<RawOperations>(int32_argument(info, position));
}

namespace {

// The arguments that every start has: the pool, the socket, the token, the number of the Iocp or 0.
Operation* begin(const Napi::CallbackInfo& info, OperationKind kind) {
  RawOperations* operations = raw_operations(info, 0);
  if (operations == nullptr) return nullptr;
  const int32_t port = int32_argument(info, 3);
  Operation& operation = operations->take(kind, static_cast<SOCKET>(handle_argument(info, 1)),
                                          handle_argument(info, 2), port);
  // Without a port only an event can tell the end of one operation among several of a socket.
  if (port == 0) operation.need_memory().event.reset(CreateEventW(nullptr, TRUE, FALSE, nullptr));
  return &operation;
}

Napi::Value started(const Napi::CallbackInfo& info, Operation& operation, Result result) {
  if (result < 0) raw_operations(info, 0)->give_back(operation.token);
  return answer(info.Env(), result);
}

template <typename Start>
Napi::Value start(const Napi::CallbackInfo& info, OperationKind kind, Start call) {
  Operation* operation = begin(info, kind);
  if (operation == nullptr) return answer(info.Env(), -static_cast<Result>(ERROR_INVALID_HANDLE));
  return started(info, *operation, call(*operation));
}

void reserve(Operation& operation, int32_t bytes) {
  operation.length = bytes < 0 ? 0 : static_cast<size_t>(bytes);
  operation.need_memory().reserve(operation.length);
}

void copy_in(Operation& operation, std::span<const uint8_t> bytes) {
  operation.length = bytes.size();
  uint8_t* memory = operation.need_memory().reserve(bytes.size());
  if (!bytes.empty()) std::memcpy(memory, bytes.data(), bytes.size());
}

Napi::Value overlapped_create(const Napi::CallbackInfo& info) {
  return answer(info.Env(),
                Environment::of(info.Env())
                    .add(info.Env(), object_argument(info, 0), std::make_unique<RawOperations>()));
}

Napi::Value wsa_recv(const Napi::CallbackInfo& info) {
  return start(info, OperationKind::kReceive, [&](Operation& operation) {
    reserve(operation, int32_argument(info, 4));
    return start_receive(operation);
  });
}

Napi::Value wsa_recv_from(const Napi::CallbackInfo& info) {
  return start(info, OperationKind::kReceiveFrom, [&](Operation& operation) {
    reserve(operation, int32_argument(info, 4));
    return start_receive_from(operation);
  });
}

Napi::Value wsa_send(const Napi::CallbackInfo& info) {
  return start(info, OperationKind::kSend, [&](Operation& operation) {
    copy_in(operation, bytes_argument(info, 4, int64_argument(info, 5), int64_argument(info, 6)));
    return start_send(operation);
  });
}

Napi::Value wsa_send_to(const Napi::CallbackInfo& info) {
  return start(info, OperationKind::kSendTo, [&](Operation& operation) {
    copy_in(operation, bytes_argument(info, 4, int64_argument(info, 5), int64_argument(info, 6)));
    return start_send_to(operation, address_argument(info, 7));
  });
}

Napi::Value accept_ex(const Napi::CallbackInfo& info) {
  return start(info, OperationKind::kAccept, [&](Operation& operation) {
    return start_accept(operation, boolean_argument(info, 4));
  });
}

Napi::Value connect_ex(const Napi::CallbackInfo& info) {
  return start(info, OperationKind::kConnect, [&](Operation& operation) {
    return start_connect(operation, address_argument(info, 4));
  });
}

Napi::Value disconnect_ex(const Napi::CallbackInfo& info) {
  return start(info, OperationKind::kDisconnect,
               [](Operation& operation) { return start_disconnect(operation); });
}

Napi::Value cancel_io_ex(const Napi::CallbackInfo& info) {
  RawOperations* operations = raw_operations(info, 0);
  const int64_t token = handle_argument(info, 2);
  Operation* operation = operations == nullptr || token < 0 ? nullptr : operations->find(token);
  // Finished and given back: nothing to cancel, which is no error.
  if (token >= 0 && operation == nullptr) return answer(info.Env(), 0);
  return answer(info.Env(),
                cancel_operation(static_cast<SOCKET>(handle_argument(info, 1)), operation));
}

Napi::Value overlapped_result(const Napi::CallbackInfo& info) {
  RawOperations* operations = raw_operations(info, 0);
  Operation* operation =
      operations == nullptr ? nullptr : operations->find(handle_argument(info, 1));
  if (operation == nullptr) return answer(info.Env(), -static_cast<Result>(ERROR_INVALID_HANDLE));
  const double deadline = clock_ms() + double_argument(info, 2);
  while (operation->in_flight && !is_complete(*operation)) {
    const double left_ms = deadline - clock_ms();
    if (left_ms <= 0) return answer(info.Env(), kWouldBlock);
    // One that goes to a port has no event: the port is what tells, and this only what a program
    // asks beside it.
    if (operation->memory && operation->memory->event) {
      WaitForSingleObject(operation->memory->event.get(), static_cast<DWORD>(left_ms) + 1);
    } else {
      Sleep(1);
    }
  }
  finish(*operation);
  if (operation->port == 0) operation->in_flight = false;
  // A datagram that did not fit is there as far as it did; overlappedTake says so.
  const bool is_done =
      operation->error == 0 || (receives(*operation) && is_truncation(operation->error));
  return answer(info.Env(), is_done ? static_cast<Result>(operation->bytes)
                                    : -static_cast<Result>(operation->error));
}

Napi::Value overlapped_take(const Napi::CallbackInfo& info) {
  RawOperations* operations = raw_operations(info, 0);
  Operation* operation =
      operations == nullptr ? nullptr : operations->find(handle_argument(info, 1));
  if (operation == nullptr || operation->in_flight)
    return answer(info.Env(), -static_cast<Result>(ERROR_INVALID_HANDLE));
  const std::span<uint8_t> into = bytes_argument(info, 2);
  if (!into.empty())
    std::memcpy(into.data(), operation->memory->bytes.get(),
                std::min(into.size(), operation->memory->capacity));
  Result result = 0;
  PackedAddress peer{};
  if (operation->kind == OperationKind::kAccept && operation->error == 0) {
    result = finish_accept(*operation, peer);
    if (result == 0) result = static_cast<Result>(operation->memory->accepted.release());
    if (result > 0) Environment::of(info.Env()).hold(result);
  } else if (operation->kind == OperationKind::kConnect && operation->error == 0) {
    result = finish_connect(*operation);
  } else if (receives(*operation)) {
    // A receive of a connected socket has no address.
    if (operation->kind == OperationKind::kReceiveFrom)
      from_sockaddr(operation->memory->address, operation->memory->address_length, peer);
    peer.flag = is_truncation(operation->error) ? 1 : 0;
  }
  store_address(info, 3, peer);
  operations->give_back(operation->token);
  return answer(info.Env(), result);
}

}  // namespace

void export_overlapped(Napi::Env env, Napi::Object exports) {
  const auto put = [&](const char* name, auto function) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  put("overlappedCreate", overlapped_create);
  put("wsaRecv", wsa_recv);
  put("wsaRecvFrom", wsa_recv_from);
  put("wsaSend", wsa_send);
  put("wsaSendTo", wsa_send_to);
  put("acceptEx", accept_ex);
  put("connectEx", connect_ex);
  put("disconnectEx", disconnect_ex);
  put("cancelIoEx", cancel_io_ex);
  put("overlappedResult", overlapped_result);
  put("overlappedTake", overlapped_take);
}

}  // namespace pollport
