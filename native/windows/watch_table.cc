// What happens to a socket's operations when it comes and goes.

#include "watch_table.h"

#include <algorithm>
#include <array>

#include "../contract/limits.h"
#include "../contract/socket.h"
#include "socket_modes.h"

namespace pollport {
namespace {

void let_go_of_operations(Port& port, Watched& watched) {
  port.pool.let_go(watched.receive);
  port.pool.let_go(watched.send);
  port.pool.let_go(watched.turn);
  watched.receive = nullptr;
  watched.send = nullptr;
  watched.turn = nullptr;
}

// With unread bytes closesocket() sends a reset; limits.h says why that is avoided.
void discard_unread(SOCKET socket) {
  std::array<char, 16 * 1024> ignored;
  for (size_t discarded = 0; discarded < kMaxDiscardedAtClose;) {
    const int received = recv(socket, ignored.data(), static_cast<int>(ignored.size()), 0);
    if (received <= 0) return;
    discarded += static_cast<size_t>(received);
  }
}

// Ends the receive of no bytes, which loses none: a socket that goes to another owner has nothing
// of ours in flight then, and one that is closed sends no reset. Whether the system is done with
// it; a driver between the program and TCP may take its time.
bool end_receive(Watched& watched) {
  if (watched.receive == nullptr || !watched.receive->in_flight) return true;
  // There is nothing to do about a failure: the receive then ends when data comes, and takes none
  // of it.
  static_cast<void>(cancel_operation(watched.socket.get(), watched.receive));
  return is_complete(*watched.receive);
}

// closesocket() over a receive that is in flight sends a reset, and what the peer has not read is
// lost (libuv, issue 3034).
void close_when_received(Watched& watched) {
  if (end_receive(watched)) {
    close_connection(watched.socket);
  } else {
    watched.receive->closing = std::move(watched.socket);
  }
}

}  // namespace

Result associate(Port& port, Watched& watched) {
  if (watched.associated) return 0;
  const Result associated = port.iocp->associate(watched.socket.get(), watched.key());
  watched.by_events = associated == -static_cast<Result>(ERROR_INVALID_PARAMETER);
  watched.associated = associated == 0 || watched.by_events;
  return watched.associated ? 0 : associated;
}

Operation* take_operation(Port& port, const Watched& watched, OperationKind kind) {
  Operation* operation = port.pool.take(kind, watched.socket.get());
  if (!watched.by_events ||
      EventPost::create(port.iocp->port(), watched.key(), operation, operation->event_post) == 0)
    return operation;
  port.pool.give_back(operation);
  return nullptr;
}

void ask_again(Port& port, Watched& watched) {
  if (watched.turn == nullptr)
    watched.turn = port.pool.take(OperationKind::kTurn, watched.socket.get());
  if (watched.turn->in_flight) return;
  watched.turn->in_flight = port.iocp->post(watched.key(), 0, watched.turn) == 0;
  if (!watched.turn->in_flight) serve_later(port, watched);
}

void serve_later(Port& port, Watched& watched) {
  if (watched.is_short) return;
  watched.is_short = true;
  port.short_of_memory.push_back(watched.key());
  port.iocp->limit_waits(true);
}

void close_connection(UniqueSocket& socket) {
  discard_unread(socket.get());
  close_and_forget(socket);
}

Result WatchTable::watch(int32_t index, int32_t generation, SOCKET socket, int32_t kind) {
  if (index < 0 || socket == INVALID_SOCKET) return -static_cast<Result>(WSAEINVAL);
  const Result described = describe_socket(static_cast<Handle>(socket));
  if (described < 0) return described;
  if (static_cast<size_t>(index) >= slots_.size()) slots_.resize(static_cast<size_t>(index) + 1);
  Watched& watched = slots_[static_cast<size_t>(index)];
  if (watched.socket) return -static_cast<Result>(WSAEALREADY);
  watched = Watched{};
  watched.index = index;
  watched.generation = generation;
  watched.kind = static_cast<uint8_t>(kind);
  watched.ipv6 = (described & kDescribeIpv6) != 0;
  watched.receiving = true;
  watched.socket.reset(socket);
  return 0;
}

void WatchTable::unwatch(Port& port, Watched& watched) {
  let_go_of_operations(port, watched);
  if (watched.queue) {
    for (Operation* operation : watched.queue->operations) port.pool.let_go(operation);
    watched.queue.reset();
  }
  watched.socket.release();
}

Result WatchTable::release(Port& port, int32_t index, int32_t how) {
  Watched* watched = find(index);
  if (watched == nullptr) return -static_cast<Result>(WSAENOTSOCK);
  if (how == kReleaseDetach) {
    static_cast<void>(end_receive(*watched));
    let_go_of_operations(port, *watched);
    return static_cast<Result>(watched->socket.release());
  }
  if (watched->kind == kWatchConnection) how = as_lingering_says(watched->socket.get(), how);
  // The kernel may use the operations until their completions come, which the close brings about.
  if (how == kReleaseReset) {
    make_abortive(watched->socket.get());
    close_and_forget(watched->socket);
  } else if (watched->kind == kWatchConnection) {
    close_when_received(*watched);
  } else {
    close_and_forget(watched->socket);
  }
  let_go_of_operations(port, *watched);
  if (watched->queue) {
    for (Operation* operation : watched->queue->operations) {
      // Accepted, but it will not be reported: its client is not to wait for us.
      if (operation->done && operation->memory && operation->memory->accepted)
        make_abortive(operation->memory->accepted.get());
      port.pool.let_go(operation);
    }
    watched->queue.reset();
  }
  return 0;
}

void WatchTable::release_all(Port& port) {
  for (size_t index = 0; index < slots_.size(); index++) {
    if (slots_[index].socket) release(port, static_cast<int32_t>(index), kReleaseClose);
  }
}

Watched* WatchTable::find(int32_t index) {
  if (index < 0 || static_cast<size_t>(index) >= slots_.size()) return nullptr;
  Watched& watched = slots_[static_cast<size_t>(index)];
  return watched.socket ? &watched : nullptr;
}

Watched* WatchTable::find(int32_t index, int32_t generation) {
  Watched* watched = find(index);
  return watched != nullptr && watched->generation == generation ? watched : nullptr;
}

}  // namespace pollport
