// Overlapped operations: what the kernel may read and write between the start of a call and its
// completion, and the calls that start one. Refuses to know who gets the result. Every start
// answers 0 when a completion follows (also when the call was done at once), else minus the error,
// and then no completion follows.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "../contract/address.h"
#include "../contract/result.h"
#include "event_post.h"
#include "unique.h"
#include "win.h"

namespace pollport {

enum class OperationKind : uint8_t {
  kReceive,
  kSend,
  kReceiveFrom,
  kSendTo,
  kAccept,
  kConnect,
  kDisconnect,
  kTurn
};

// AcceptEx wants 16 bytes more than an address for each of the two that it writes (Microsoft Learn,
// "AcceptEx function").
constexpr DWORD kAcceptAddressBytes = sizeof(sockaddr_storage) + 16;

// What only some operations need: a receive that waits for an idle connection owns none of it.
struct OperationMemory {
  std::unique_ptr<uint8_t[]> bytes;
  size_t capacity = 0;
  sockaddr_storage address{};
  int address_length = 0;
  UniqueSocket accepted;
  UniqueHandle event;  // raw floor: of an operation that goes to no port

  // At least that many bytes; what was there before is gone.
  uint8_t* reserve(size_t length);
};

// OVERLAPPED is the base, so that what the port gives back leads here by a static_cast.
struct Operation : OVERLAPPED {
  Operation() : OVERLAPPED{} {}

  OperationKind kind = OperationKind::kReceive;
  bool in_flight = false;  // started, and the completion has not been dequeued
  bool done = false;       // dequeued, but not given out yet
  DWORD flags = 0;
  DWORD error = 0;    // of a dequeued operation
  DWORD bytes = 0;    // of a dequeued operation
  size_t length = 0;  // of the buffer that the kernel sees
  SOCKET socket = INVALID_SOCKET;
  int64_t token = 0;  // raw floor: TypeScript's number
  int32_t port = 0;   // raw floor: the number of the Iocp that the completion goes to, or 0
  std::unique_ptr<OperationMemory> memory;
  std::unique_ptr<EventPost> event_post;  // for sockets that have another port
  UniqueSocket closing;                   // released, and closed when this receive has come back

  OperationMemory& need_memory();
};

Result start_receive(Operation& operation);
Result start_send(Operation& operation);
Result start_receive_from(Operation& operation);
Result start_send_to(Operation& operation, const PackedAddress& to);
// Opens the socket that is going to be the accepted one.
Result start_accept(Operation& operation, bool ipv6);
Result start_connect(Operation& operation, const PackedAddress& to);
Result start_disconnect(Operation& operation);

// After the completion: the error (0 = none, else Winsock's number) and the bytes.
void finish(Operation& operation);
// Whether the kernel is done with it.
bool is_complete(const Operation& operation);
// Makes the accepted socket one that answers for its addresses and options, and tells its peer.
Result finish_accept(Operation& operation, PackedAddress& peer);
// The same for a connected one.
Result finish_connect(Operation& operation);
// One operation of the socket, or all of them. One that is not pending any more is no error.
Result cancel_operation(SOCKET socket, Operation* operation);

// A TCP or UDP socket for overlapped operations.
Result open_overlapped_socket(bool udp, bool ipv6, UniqueSocket& out);

constexpr bool receives(const Operation& operation) {
  return operation.kind == OperationKind::kReceive || operation.kind == OperationKind::kReceiveFrom;
}
// Whether a datagram's receive failed only because its buffer was too short.
constexpr bool is_truncation(DWORD error) { return error == static_cast<DWORD>(WSAEMSGSIZE); }
// Memory or handles of this machine, and nothing that a peer did: trying again at once would fail
// again, later it may not.
constexpr bool is_shortage(DWORD error) {
  return error == static_cast<DWORD>(WSAENOBUFS) || error == static_cast<DWORD>(WSAEMFILE) ||
         error == ERROR_NOT_ENOUGH_MEMORY || error == ERROR_NO_SYSTEM_RESOURCES;
}

}  // namespace pollport
