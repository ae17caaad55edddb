// ConnectEx; WSARecv of no bytes and recv; WSASend without and with OVERLAPPED.

#include "streams.h"

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>

#include "../contract/limits.h"

namespace pollport {
namespace {

// Safe: WSABUF and recv() have char where this has bytes; any object may be seen as char. Sending
// does not write through it.
char* chars(const uint8_t* bytes) { return reinterpret_cast<char*>(const_cast<uint8_t*>(bytes)); }

// Bytes taken, or minus the error; would-block is 0.
Result send_vectors(SOCKET socket, WSABUF* vectors, size_t count) {
  DWORD sent = 0;
  if (WSASend(socket, vectors, static_cast<DWORD>(count), &sent, 0, nullptr, nullptr) == 0)
    return sent;
  const int error = WSAGetLastError();
  return error == WSAEWOULDBLOCK ? 0 : -static_cast<Result>(reset_if_aborted(error));
}

bool is_sending(const Watched& watched) { return watched.send != nullptr; }

// Sends the `length` bytes that `fill` writes into native memory. 0 when the completion follows, or
// when the system has no memory for the send: then the socket may try again soon, as if there had
// been no room.
template <typename Fill>
Result send_overlapped(Port& port, Watched& watched, size_t length, Fill fill) {
  if (const Result associated = associate(port, watched); associated < 0) return associated;
  watched.send = take_operation(port, watched, OperationKind::kSend);
  Result started = -static_cast<Result>(WSAENOBUFS);
  if (watched.send != nullptr) {
    watched.send->length = length;
    fill(std::span<uint8_t>(watched.send->need_memory().reserve(length), length));
    started = start_send(*watched.send);
    if (started == 0) return 0;
    port.pool.give_back(watched.send);
    watched.send = nullptr;
  }
  if (!is_shortage(static_cast<DWORD>(-started)))
    return -static_cast<Result>(reset_if_aborted(static_cast<int>(-started)));
  watched.send_stalled = true;
  serve_later(port, watched);
  return 0;
}

// Gives what is left of a chain from `position` on, of which `taken` bytes were sent, to `use` in
// pieces, up to kMaxSendPiece. How much.
template <typename Use>
size_t each_piece(const Outbox& outbox, int32_t position, size_t taken, Use use) {
  size_t total = 0;
  Send send{};
  while (total < kMaxSendPiece && outbox.read(position, send)) {
    const size_t part = std::min(static_cast<size_t>(send.length) - taken, kMaxSendPiece - total);
    use(std::span<const uint8_t>(outbox.at(send.offset) + taken, part));
    total += part;
    taken = 0;
    if (send.next <= position) break;
    position = send.next;
  }
  return total;
}

// The system may report a reset once only, and a send got that: without this a receive could take
// what follows for an end, as Wine's does.
void remember_break(Watched& watched, Result error) {
  if (watched.broken == 0) watched.broken = static_cast<int>(-error);
}

void tell_failure(const Watched& watched, int32_t kind, Result error, Batch& batch) {
  batch.add(kind, watched.index, watched.generation, static_cast<int32_t>(-error));
}

}  // namespace

int reset_if_aborted(int error) { return error == WSAECONNABORTED ? WSAECONNRESET : error; }

Result begin_connect(Port& port, Watched& watched, const PackedAddress& address) {
  if (const Result associated = associate(port, watched); associated < 0) return associated;
  watched.receive = take_operation(port, watched, OperationKind::kConnect);
  if (watched.receive == nullptr) return -static_cast<Result>(WSAENOBUFS);
  return start_connect(*watched.receive, address);
}

void complete_connect(Port& port, Watched& watched, Batch& batch) {
  const auto error = static_cast<int>(watched.receive->error);
  // A refusal has an error of its own: a reset can only follow a connect.
  const bool was_reset = error == WSAECONNRESET;
  batch.add(kKindConnected, watched.index, watched.generation,
            was_reset ? 0 : reset_if_aborted(error));
  if (error != 0 && !was_reset) return;
  watched.kind = kWatchConnection;
  watched.receive->kind = OperationKind::kReceive;
  // Lost since: that is the connection's end, not the connect's.
  if (was_reset || finish_connect(*watched.receive) < 0) watched.broken = WSAECONNRESET;
  if (watched.receiving) await_data(port, watched);
}

void await_data(Port& port, Watched& watched) {
  if (watched.receive == nullptr)
    watched.receive = take_operation(port, watched, OperationKind::kReceive);
  if (watched.receive != nullptr && watched.receive->in_flight) return;
  if (watched.broken == 0) {
    int error = WSAENOBUFS;
    if (watched.receive != nullptr) {
      watched.receive->length = 0;
      error = static_cast<int>(-start_receive(*watched.receive));
    }
    if (error == 0) return;
    // Want of memory is no break of the connection: until there is some, it is read at every wait.
    if (is_shortage(static_cast<DWORD>(error))) return serve_later(port, watched);
    watched.broken = reset_if_aborted(error);
  }
  ask_again(port, watched);
}

void drain_connection(Port& port, Watched& watched, size_t budget_bytes, Batch& batch) {
  if (!watched.receiving) return;  // set_receiving() asks again
  const std::span<uint8_t> room = batch.stream_room();
  budget_bytes = std::min(budget_bytes, room.size());

  size_t taken = 0;
  int last = 1;
  int error = 0;
  while (taken < budget_bytes) {
    const int asked = static_cast<int>(std::min<size_t>(budget_bytes - taken, INT_MAX));
    last = recv(watched.socket.get(), chars(room.data() + taken), asked, 0);
    if (last < 0) error = reset_if_aborted(WSAGetLastError());
    if (last <= 0) break;
    taken += static_cast<size_t>(last);
    if (last < asked)
      break;  // nothing is left: the next receive of no bytes reports what comes next
  }
  // What came before the break is given out first, as far as the system still has it.
  if (watched.broken != 0 && last <= 0) {
    last = -1;
    error = watched.broken;
  }
  if (taken > 0) {
    const int32_t offset = batch.keep_stream(taken);
    batch.add(kKindReceived, watched.index, watched.generation, offset,
              static_cast<int32_t>(taken));
  }
  if (last > 0 || (last < 0 && error == WSAEWOULDBLOCK)) {
    // With data left it completes at once, behind the other sockets' turns.
    return await_data(port, watched);
  }
  watched.receiving = false;
  if (last == 0) {
    batch.add(kKindEnded, watched.index, watched.generation);
  } else {
    batch.add(kKindFailed, watched.index, watched.generation, error);
  }
}

Result send_stream(Port& port, Watched& watched, std::span<const uint8_t> bytes) {
  if (is_sending(watched)) return 0;
  size_t taken = 0;
  while (taken < bytes.size()) {
    const size_t piece = std::min(bytes.size() - taken, kMaxSendPiece);
    WSABUF vector{static_cast<ULONG>(piece), chars(bytes.data() + taken)};
    const Result sent = send_vectors(watched.socket.get(), &vector, 1);
    if (sent < 0) {
      remember_break(watched, sent);
      return sent;
    }
    taken += static_cast<size_t>(sent);
    if (static_cast<size_t>(sent) == piece) continue;
    const std::span<const uint8_t> rest =
        bytes.subspan(taken, std::min(bytes.size() - taken, kMaxSendPiece));
    const Result started = send_overlapped(
        port, watched, rest.size(),
        [&](std::span<uint8_t> into) { std::copy(rest.begin(), rest.end(), into.begin()); });
    return started < 0 ? started : static_cast<Result>(taken);
  }
  return static_cast<Result>(taken);
}

void send_stream_chain(Port& port, Watched& watched, const Outbox& outbox, int32_t first,
                       Batch& batch) {
  if (is_sending(watched)) {
    batch.add(kKindSendShort, watched.index, watched.generation, first, 0);
    return;
  }
  std::array<WSABUF, kMaxVectors> vectors;
  Send send{};
  int32_t position = first;  // the first send that is not gathered yet
  while (position >= 0) {
    const int32_t group_first = position;
    size_t count = 0;
    size_t group_bytes = 0;
    while (count < vectors.size() && group_bytes < kMaxSendPiece && outbox.read(position, send)) {
      char* data = chars(outbox.at(send.offset));
      // Messages to one connection often lie one behind the other: then they are one vector.
      if (count > 0 && vectors[count - 1].buf + vectors[count - 1].len == data) {
        vectors[count - 1].len += static_cast<ULONG>(send.length);
      } else {
        vectors[count++] = {static_cast<ULONG>(send.length), data};
      }
      group_bytes += static_cast<size_t>(send.length);
      // A chain only goes forward: anything else would be a loop.
      position = send.next > position ? send.next : -1;
      if (position < 0) break;
    }
    if (count == 0) return;

    const Result sent = send_vectors(watched.socket.get(), vectors.data(), count);
    if (sent < 0) {
      remember_break(watched, sent);
      return tell_failure(watched, kKindSendFailed, sent, batch);
    }
    if (static_cast<size_t>(sent) == group_bytes) continue;

    const Outbox::Cut cut = outbox.cut(group_first, static_cast<size_t>(sent));
    batch.add(kKindSendShort, watched.index, watched.generation, cut.position,
              static_cast<int32_t>(cut.taken));
    const auto each_left = [&](auto use) {
      return each_piece(outbox, cut.position, cut.taken, use);
    };
    const size_t left = each_left([](std::span<const uint8_t>) {});
    const Result started = send_overlapped(port, watched, left, [&](std::span<uint8_t> into) {
      each_left([&](std::span<const uint8_t> piece) {
        std::memcpy(into.data(), piece.data(), piece.size());
        into = into.subspan(piece.size());
      });
    });
    if (started < 0) tell_failure(watched, kKindSendFailed, started, batch);
    return;
  }
}

void complete_send(Port& port, Watched& watched, Batch& batch) {
  const DWORD error = watched.send->error;
  const auto bytes = static_cast<int32_t>(watched.send->bytes);
  // With its memory: a connection that has caught up owns none.
  port.pool.give_back(watched.send);
  watched.send = nullptr;
  if (error != 0) {
    remember_break(watched, -static_cast<Result>(error));
    return tell_failure(watched, kKindSendFailed, -static_cast<Result>(error), batch);
  }
  batch.add(kKindWritable, watched.index, watched.generation, bytes);
}

}  // namespace pollport
