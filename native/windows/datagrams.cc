// WSARecvFrom with OVERLAPPED; WSASendTo without, and with where the system has no room.

#include "datagrams.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "../contract/limits.h"
#include "address.h"

namespace pollport {
namespace {

// A report about an earlier datagram, not about this receive (Microsoft Learn, "Winsock IOCTLs",
// SIO_UDP_CONNRESET and SIO_UDP_NETRESET).
bool is_report(DWORD error) {
  return error == static_cast<DWORD>(WSAECONNRESET) ||
         error == static_cast<DWORD>(WSAECONNREFUSED) ||
         error == static_cast<DWORD>(WSAENETRESET) ||
         error == static_cast<DWORD>(WSAEHOSTUNREACH) ||
         error == static_cast<DWORD>(WSAENETUNREACH);
}

// "Connection reset" is what Winsock calls a port that nobody listens at.
int report_code(DWORD error) {
  return error == static_cast<DWORD>(WSAECONNRESET) ? WSAECONNREFUSED : static_cast<int>(error);
}

void tell_report(const Watched& watched, DWORD error, Batch* batch) {
  if (batch == nullptr || watched.kind != kWatchDatagramReportingErrors ||
      batch->records_room() < 2)
    return;
  batch->add(kKindDatagramFailed, watched.index, watched.generation, report_code(error), -1);
}

// Posts a receive at the back of the queue. Minus the error when the system refuses.
Result post(Watched& watched, Operation* operation, Batch* batch) {
  Result started = 0;
  // A report may stand before the datagrams and fail the call at once; there are only so many of
  // them.
  for (size_t tries = 0; tries < kDatagramsPosted; tries++) {
    started = start_receive_from(*operation);
    if (started == 0) {
      watched.queue->operations.push_back(operation);
      return 0;
    }
    if (!is_report(static_cast<DWORD>(-started))) break;
    tell_report(watched, static_cast<DWORD>(-started), batch);
  }
  return started;
}

// Posts as many as there should be. Minus the error of the first that the system refuses.
Result replenish(Port& port, Watched& watched, Batch* batch) {
  Queue& queue = *watched.queue;
  while (queue.operations.size() < kDatagramsPosted) {
    Operation* operation = take_operation(port, watched, OperationKind::kReceiveFrom);
    if (operation == nullptr) return -static_cast<Result>(WSAENOBUFS);
    operation->length = queue.datagram_bytes;
    operation->need_memory().reserve(operation->length);
    if (const Result posted = post(watched, operation, batch); posted < 0) {
      port.pool.give_back(operation);
      return posted;
    }
  }
  return 0;
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
  const int32_t offset =
      batch.keep_datagram(sizeof from + length) + static_cast<int32_t>(sizeof from);
  batch.add(kKindDatagram, watched.index, watched.generation, offset, static_cast<int32_t>(length),
            truncated ? 1 : 0);
}

}  // namespace

Result begin_datagrams(Port& port, Watched& watched, size_t max_datagram) {
  if (const Result associated = associate(port, watched); associated < 0) return associated;
  watched.queue = std::make_unique<Queue>();
  watched.queue->datagram_bytes = max_datagram;
  const Result replenished = replenish(port, watched, nullptr);
  if (replenished == 0) return 0;
  if (watched.queue->operations.empty()) return replenished;
  serve_later(port, watched);
  return 0;
}

void serve_datagrams(Port& port, Watched& watched, size_t budget_bytes, Batch& batch) {
  if (!watched.receiving) return;  // set_receiving() asks again
  std::deque<Operation*>& operations = watched.queue->operations;
  size_t given = 0;
  Result failure = 0;
  // Every one that is given out goes to the back: more than once round would be the next wait's.
  for (size_t left = operations.size(); left > 0 && operations.front()->done; left--) {
    Operation* operation = operations.front();
    const size_t needed = sizeof(PackedAddress) + operation->length;
    if (given > budget_bytes || batch.records_room() < 2 || batch.datagram_room().size() < needed) {
      return ask_again(port, watched);
    }
    operations.pop_front();
    const DWORD error = operation->error;
    if (error == 0 || is_truncation(error)) {
      given += operation->bytes;
      give_out(watched, *operation, batch);
    } else if (is_report(error)) {
      tell_report(watched, error, &batch);
    } else {
      failure = -static_cast<Result>(error);
    }
    // One that failed is not posted again at once: it would fail again, and so on for ever.
    if (failure == 0) failure = post(watched, operation, &batch);
    if (failure < 0) port.pool.give_back(operation);
  }
  if (failure == 0) failure = replenish(port, watched, &batch);
  if (failure == 0) {
    watched.queue->resting = false;
    return;
  }
  // Reported once, until all are posted again. Without one posted no datagram would ever bring us
  // back: the next waits try.
  if (batch.records_room() > 0 && !std::exchange(watched.queue->resting, true)) {
    batch.add(kKindFailed, watched.index, watched.generation, static_cast<int32_t>(-failure));
  }
  serve_later(port, watched);
}

Result send_datagram(Port& port, Watched& watched, std::span<const uint8_t> bytes,
                     const PackedAddress& to) {
  if (watched.send != nullptr) return 0;
  sockaddr_storage address{};
  const int length = to_sockaddr(to, address);
  // Safe: WSABUF has char where this has bytes; any object may be seen as char, and sending does
  // not write through it.
  WSABUF buffer{static_cast<ULONG>(bytes.size()),
                reinterpret_cast<char*>(const_cast<uint8_t*>(bytes.data()))};
  DWORD sent = 0;
  if (WSASendTo(watched.socket.get(), &buffer, 1, &sent, 0, as_sockaddr(address), length, nullptr,
                nullptr) == 0)
    return 1;
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

void send_datagram_chain(Port& port, Watched& watched, const Outbox& outbox, int32_t first,
                         Batch& batch) {
  Send send{};
  for (int32_t position = first; position >= 0 && outbox.read(position, send);) {
    PackedAddress to{};
    if (outbox.has_address(send)) std::memcpy(&to, outbox.at(send.address), sizeof to);
    const Result sent = send_datagram(
        port, watched, {outbox.at(send.offset), static_cast<size_t>(send.length)}, to);
    if (sent == 0) {
      batch.add(kKindSendShort, watched.index, watched.generation, position, 0);
      return;
    }
    if (sent < 0) {
      batch.add(kKindDatagramFailed, watched.index, watched.generation, static_cast<int32_t>(-sent),
                keep_address(batch, to), 1);
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
    batch.add(kKindDatagramFailed, watched.index, watched.generation, static_cast<int32_t>(error),
              keep_address(batch, to));
  }
  batch.add(kKindWritable, watched.index, watched.generation);
}

}  // namespace pollport
