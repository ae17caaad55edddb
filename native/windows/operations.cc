// WSARecv, WSASend, WSARecvFrom, WSASendTo, AcceptEx, ConnectEx, DisconnectEx, CancelIoEx and
// GetOverlappedResult.

#include "operations.h"

#include <cstring>

#include "address.h"
#include "extensions.h"
#include "socket_modes.h"
#include "status.h"

namespace pollport {
namespace {

// Safe: a SOCKET is a handle of the kernel's; the calls that take it as one say so (Microsoft
// Learn, "Socket Handles").
HANDLE file_of(SOCKET socket) { return reinterpret_cast<HANDLE>(socket); }

void reset(Operation& operation) {
  operation.Internal = 0;
  operation.InternalHigh = 0;
  operation.Offset = 0;
  operation.OffsetHigh = 0;
  operation.hEvent = operation.event_post ? operation.event_post->event_for_overlapped()
                     : operation.memory   ? operation.memory->event.get()
                                          : nullptr;
  operation.error = 0;
  operation.bytes = 0;
  operation.done = false;
  operation.in_flight = true;
}

WSABUF buffer_of(Operation& operation) {
  WSABUF buffer{};
  buffer.len = static_cast<ULONG>(operation.length);
  // Safe: WSABUF has char where this has bytes; any object may be seen as char.
  buffer.buf =
      operation.length == 0 ? nullptr : reinterpret_cast<char*>(operation.memory->bytes.get());
  return buffer;
}

// What every call that starts an operation answers: whether a completion follows. Also of one that
// fails with a warning instead of an error it does: a datagram that is there already and longer
// than the buffer is STATUS_BUFFER_OVERFLOW, which is a warning, and only an error ends an
// operation without a completion ("[MS-ERREF]: NTSTATUS"; Microsoft Learn, "Using NTSTATUS
// Values"). A send that is too long is an error.
Result answer(Operation& operation, bool started) {
  const int error = started ? 0 : WSAGetLastError();
  if (started || error == WSA_IO_PENDING) return 0;
  if (receives(operation) && is_truncation(static_cast<DWORD>(error))) return 0;
  operation.in_flight = false;
  return -static_cast<Result>(error);
}

bool is_loopback(const PackedAddress& address) {
  static constexpr std::array<uint8_t, 16> kIpv6Loopback{0, 0, 0, 0, 0, 0, 0, 0,
                                                         0, 0, 0, 0, 0, 0, 0, 1};
  return address.family == 4
             ? address.bytes[0] == 127
             : std::memcmp(address.bytes, kIpv6Loopback.data(), kIpv6Loopback.size()) == 0;
}

Result bind_anywhere(SOCKET socket, const PackedAddress& peer) {
  sockaddr_storage bound{};
  int length = sizeof bound;
  if (getsockname(socket, as_sockaddr(bound), &length) == 0) return 0;
  share_ports(socket);
  PackedAddress any{};
  any.family = peer.family;
  length = to_sockaddr(any, bound);
  return bind(socket, as_sockaddr(bound), length) == 0 ? 0
                                                       : -static_cast<Result>(WSAGetLastError());
}

// Windows repeats a refused SYN for about two seconds; on loopback a refusal is final. Optional: a
// system without it only takes longer.
void refuse_at_once(SOCKET socket) {
  TCP_INITIAL_RTO_PARAMETERS parameters{};
  parameters.Rtt = TCP_INITIAL_RTO_UNSPECIFIED_RTT;
  parameters.MaxSynRetransmissions = TCP_INITIAL_RTO_NO_SYN_RETRANSMISSIONS;
  DWORD bytes = 0;
  static_cast<void>(WSAIoctl(socket, SIO_TCP_INITIAL_RTO, &parameters, sizeof parameters, nullptr,
                             0, &bytes, nullptr, nullptr));
}

}  // namespace

uint8_t* OperationMemory::reserve(size_t length) {
  if (capacity < length) {
    // Not zeroed: what is given out of it was written before, by a copy or by the kernel.
    bytes = std::make_unique_for_overwrite<uint8_t[]>(length);
    capacity = length;
  }
  return bytes.get();
}

OperationMemory& Operation::need_memory() {
  if (!memory) memory = std::make_unique<OperationMemory>();
  return *memory;
}

Result start_receive(Operation& operation) {
  reset(operation);
  WSABUF buffer = buffer_of(operation);
  operation.flags = 0;
  return answer(operation, WSARecv(operation.socket, &buffer, 1, nullptr, &operation.flags,
                                   &operation, nullptr) == 0);
}

Result start_send(Operation& operation) {
  reset(operation);
  WSABUF buffer = buffer_of(operation);
  return answer(operation,
                WSASend(operation.socket, &buffer, 1, nullptr, 0, &operation, nullptr) == 0);
}

Result start_receive_from(Operation& operation) {
  reset(operation);
  WSABUF buffer = buffer_of(operation);
  OperationMemory& memory = operation.need_memory();
  memory.address_length = sizeof memory.address;
  operation.flags = 0;
  return answer(operation, WSARecvFrom(operation.socket, &buffer, 1, nullptr, &operation.flags,
                                       as_sockaddr(memory.address), &memory.address_length,
                                       &operation, nullptr) == 0);
}

Result start_send_to(Operation& operation, const PackedAddress& to) {
  reset(operation);
  WSABUF buffer = buffer_of(operation);
  OperationMemory& memory = operation.need_memory();
  memory.address_length = to_sockaddr(to, memory.address);
  const bool started =
      WSASendTo(operation.socket, &buffer, 1, nullptr, 0, as_sockaddr(memory.address),
                memory.address_length, &operation, nullptr) == 0;
  return answer(operation, started);
}

Result start_accept(Operation& operation, bool ipv6) {
  reset(operation);
  operation.in_flight = false;
  const Extensions& calls = extensions(operation.socket);
  if (calls.result < 0) return calls.result;
  OperationMemory& memory = operation.need_memory();
  if (const Result opened = open_overlapped_socket(false, ipv6, memory.accepted); opened < 0)
    return opened;
  memory.reserve(size_t{2} * kAcceptAddressBytes);
  operation.in_flight = true;
  DWORD bytes = 0;
  const BOOL started =
      calls.accept_ex(operation.socket, memory.accepted.get(), memory.bytes.get(), 0,
                      kAcceptAddressBytes, kAcceptAddressBytes, &bytes, &operation);
  const Result result = answer(operation, started != 0);
  if (result < 0) memory.accepted.reset();
  return result;
}

Result start_connect(Operation& operation, const PackedAddress& to) {
  reset(operation);
  operation.in_flight = false;
  const Extensions& calls = extensions(operation.socket);
  if (calls.result < 0) return calls.result;
  if (const Result bound = bind_anywhere(operation.socket, to); bound < 0) return bound;
  if (is_loopback(to)) refuse_at_once(operation.socket);
  sockaddr_storage address{};
  const int length = to_sockaddr(to, address);
  operation.in_flight = true;
  return answer(operation, calls.connect_ex(operation.socket, as_sockaddr(address), length, nullptr,
                                            0, nullptr, &operation) != 0);
}

Result start_disconnect(Operation& operation) {
  reset(operation);
  const Extensions& calls = extensions(operation.socket);
  if (calls.result < 0) {
    operation.in_flight = false;
    return calls.result;
  }
  return answer(operation, calls.disconnect_ex(operation.socket, &operation, 0, 0) != 0);
}

void finish(Operation& operation) {
  // Both are documented to be what they are here (Microsoft Learn, "OVERLAPPED structure").
  operation.error = winsock_error(operation.Internal);
  operation.bytes = static_cast<DWORD>(operation.InternalHigh);
}

// Safe: the macro compares a field that the kernel sets last (Microsoft Learn,
// "HasOverlappedIoCompleted macro").
bool is_complete(const Operation& operation) { return HasOverlappedIoCompleted(&operation); }

Result finish_accept(Operation& operation, PackedAddress& peer) {
  OperationMemory& memory = *operation.memory;
  const SOCKET accepted = memory.accepted.get();
  // Safe: any object may be seen as char, which is how Winsock takes the values of options.
  const auto* listener = reinterpret_cast<const char*>(&operation.socket);
  if (setsockopt(accepted, SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT, listener,
                 sizeof operation.socket) != 0) {
    return -static_cast<Result>(WSAGetLastError());
  }
  sockaddr* local = nullptr;
  sockaddr* remote = nullptr;
  int local_length = 0;
  int remote_length = 0;
  extensions(accepted).get_accept_ex_sockaddrs(memory.bytes.get(), 0, kAcceptAddressBytes,
                                               kAcceptAddressBytes, &local, &local_length, &remote,
                                               &remote_length);
  sockaddr_storage address{};
  if (remote == nullptr || remote_length <= 0 ||
      static_cast<size_t>(remote_length) > sizeof address)
    return -WSAEFAULT;
  std::memcpy(&address, remote, static_cast<size_t>(remote_length));
  from_sockaddr(address, remote_length, peer);
  return 0;
}

Result finish_connect(Operation& operation) {
  return setsockopt(operation.socket, SOL_SOCKET, SO_UPDATE_CONNECT_CONTEXT, nullptr, 0) == 0
             ? 0
             : -static_cast<Result>(WSAGetLastError());
}

Result cancel_operation(SOCKET socket, Operation* operation) {
  if (CancelIoEx(file_of(socket), operation) != 0) return 0;
  const DWORD error = GetLastError();
  return error == ERROR_NOT_FOUND ? 0 : -static_cast<Result>(error);
}

Result open_overlapped_socket(bool udp, bool ipv6, UniqueSocket& out) {
  out.reset(WSASocketW(ipv6 ? AF_INET6 : AF_INET, udp ? SOCK_DGRAM : SOCK_STREAM,
                       udp ? IPPROTO_UDP : IPPROTO_TCP, nullptr, 0,
                       WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT));
  return out ? 0 : -static_cast<Result>(WSAGetLastError());
}

}  // namespace pollport
