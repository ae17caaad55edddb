// WSARecvFrom with OVERLAPPED; WSASendTo without, and with where the system has no room.

#include "datagrams.h"

#include <algorithm>
#include <cstring>

#include "../contract/limits.h"
#include "address.h"

namespace pollport {
namespace {

// A report about an earlier datagram, not about this receive (Microsoft Learn, "Winsock IOCTLs", SIO_UDP_CONNRESET and SIO_UDP_NETRESET).
bool is_report(DWORD error) {
  return error == ERROR_PORT_UNREACHABLE || error == ERROR_HOST_UNREACHABLE || error == ERROR_NETWORK_UNREACHABLE ||
         error == static_cast<DWORD>(WSAECONNRESET) || error == static_cast<DWORD>(WSAENETRESET);
}

// "Connection reset" is what Winsock calls a port that nobody listens at.
int report_code(DWORD error) { return error == static_cast<DWORD>(WSAECONNRESET) ? WSAECONNREFUSED : static_cast<int>(error); }

void tell_report(const Watched& watched, DWORD error, Batch* batch) {
  if (batch == nullptr || watched.kind != kWatchDatagramReportingErrors || batch->records_room() < 2) return;
  batch->add(kKindDatagramFailed, watched.index, watched.generation, report_code(error), -1);
}

// Posts a receive at the back of the queue; false when the system refuses.
bool post(Watched& watched, Operation* operation, Batch* batch) {
  // A report may stand before the datagrams and fail the call at once; there are only so many of them.
  for (size_t tries = 0; tries < kDatagramsPosted; tries++) {
    const Result started = start_receive_from(*operation);
    if (started == 0) {
      watched.queue->operations.push_back(operation);
      return true;
    }
    if (!is_report(static_cast<DWORD>(-started))) return false;
    tell_report(watched, static_cast<DWORD>(-started), batch);
  }
  return false;
}

// Writes a packed address to the batch's front part; -1 when it has no room left.
int32_t keep_address(Batch& batch, const PackedAddress& address) {
  if (batch.stream_room().size() < sizeof address) return -1;
  std::memcpy(batch.stream_room().data(), &address, sizeof address);
  return batch.keep_stream(sizeof address);
}

void give_out(const Watched& watched, const Operation& operation, Batch& batch) {
  PackedAddress from{};
  from_sockaddr(operation.memory->address, operation.memory->address_length, from);
  const bool truncated = is_truncation(operation.error);
  const size_t length = truncated ? operation.length : operation.bytes;
  uint8_t* target = batch.datagram_room().data();
  std::memcpy(target, &from, sizeof from);
  std::memcpy(target + sizeof from, operation.memory->bytes.get(), length);
  const int32_t offset = batch.keep_datagram(sizeof from + length) + static_cast<int32_t>(sizeof from);
  batch.add(kKindDatagram, watched.index, watched.generation, offset, static_cast<int32_t>(length), truncated ? 1 : 0);
}

}  // namespace

Result begin_datagrams(Port& port, Watched& watched, size_t max_datagram) {
  if (const Result associated = associate(port, watched); associated < 0) return associated;
  watched.queue = std::make_unique<Queue>();
  for (size_t i = 0; i < kDatagramsPosted; i++) {
    Operation* operation = take_operation(port, watched, OperationKind::kReceiveFrom);
    if (operation == nullptr) return i > 0 ? 0 : -static_cast<Result>(WSAENOBUFS);
    operation->length = max_datagram;
    operation->need_memory().reserve(max_datagram);
    if (post(watched, operation, nullptr)) continue;
    const int error = WSAGetLastError();
    port.pool.give_back(operation);
    return i > 0 ? 0 : -static_cast<Result>(error);
  }
  return 0;
}

void serve_datagrams(Port& port, Watched& watched, size_t budget_bytes, Batch& batch) {
  if (!watched.receiving) return;  // told again by set_receiving()
  std::deque<Operation*>& operations = watched.queue->operations;
  size_t given = 0;
  // Every one that is given out goes to the back: more than once round would be the next wait's.
  for (size_t left = operations.size(); left > 0 && operations.front()->done; left--) {
    Operation* operation = operations.front();
    const size_t needed = sizeof(PackedAddress) + operation->length;
    if (given > budget_bytes || batch.records_room() < 2 || batch.datagram_room().size() < needed) {
      // Without memory for one packet the next datagram brings us back.
      static_cast<void>(ask_again(port, watched));
      return;
    }
    operations.pop_front();
    if (operation->error == 0 || is_truncation(operation->error)) {
      given += operation->bytes;
      give_out(watched, *operation, batch);
    } else if (is_report(operation->error)) {
      tell_report(watched, operation->error, &batch);
    } else {
      batch.add(kKindFailed, watched.index, watched.generation, static_cast<int32_t>(operation->error));
    }
    if (!post(watched, operation, &batch)) {
      batch.add(kKindFailed, watched.index, watched.generation, WSAGetLastError());
      port.pool.give_back(operation);
    }
  }
}

Result send_datagram(Port& port, Watched& watched, std::span<const uint8_t> bytes, const PackedAddress& to) {
  if (watched.send != nullptr) return 0;
  sockaddr_storage address{};
  const int length = to_sockaddr(to, address);
  // Safe: WSABUF has char where this has bytes; any object may be seen as char, and sending does not write through it.
  WSABUF buffer{static_cast<ULONG>(bytes.size()), reinterpret_cast<char*>(const_cast<uint8_t*>(bytes.data()))};
  DWORD sent = 0;
  if (WSASendTo(watched.socket.get(), &buffer, 1, &sent, 0, as_sockaddr(address), length, nullptr, nullptr) == 0) return 1;
  const int error = WSAGetLastError();
  if (error != WSAEWOULDBLOCK) return -static_cast<Result>(error);

  watched.send = take_operation(port, watched, OperationKind::kSendTo);
  if (watched.send == nullptr) return -static_cast<Result>(WSAENOBUFS);
  watched.send->length = bytes.size();
  std::copy(bytes.begin(), bytes.end(), watched.send->need_memory().reserve(bytes.size()));
  const Result started = start_send_to(*watched.send, to);
  if (started == 0) return 1;
  port.pool.give_back(watched.send);
  watched.send = nullptr;
  return started;
}

void send_datagram_chain(Port& port, Watched& watched, const Outbox& outbox, int32_t first, Batch& batch) {
  Send send{};
  for (int32_t position = first; position >= 0 && outbox.read(position, send);) {
    PackedAddress to{};
    if (outbox.has_address(send)) std::memcpy(&to, outbox.at(send.address), sizeof to);
    const Result sent = send_datagram(port, watched, {outbox.at(send.offset), static_cast<size_t>(send.length)}, to);
    if (sent == 0) {
      batch.add(kKindSendShort, watched.index, watched.generation, position, 0);
      return;
    }
    if (sent < 0) {
      batch.add(kKindDatagramFailed, watched.index, watched.generation, static_cast<int32_t>(-sent), keep_address(batch, to), 1);
    }
    // A chain only goes forward: anything else would be a loop.
    position = send.next > position ? send.next : -1;
  }
}

void complete_datagram_send(Port& port, Watched& watched, Batch& batch) {
  const DWORD error = watched.send->error;
  PackedAddress to{};
  from_sockaddr(watched.send->memory->address, watched.send->memory->address_length, to);
  port.pool.give_back(watched.send);
  watched.send = nullptr;
  if (error != 0) {
    batch.add(kKindDatagramFailed, watched.index, watched.generation, static_cast<int32_t>(error), keep_address(batch, to));
  }
  batch.add(kKindWritable, watched.index, watched.generation);
}

}  // namespace pollport
