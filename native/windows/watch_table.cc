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

// Ends what is in flight, so that nothing of ours is left on a socket that goes to another owner. A receive of no bytes loses none.
void end_operations(Watched& watched) {
  if (watched.receive == nullptr || !watched.receive->in_flight) return;
  // There is nothing to do about a failure: the receive then ends when data comes, and takes none of it.
  static_cast<void>(cancel_operation(watched.socket.get(), watched.receive));
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
  if (!watched.by_events || EventPost::create(port.iocp->port(), watched.key(), operation, operation->event_post) == 0) return operation;
  port.pool.give_back(operation);
  return nullptr;
}

Result ask_again(Port& port, Watched& watched) {
  if (watched.turn == nullptr) watched.turn = port.pool.take(OperationKind::kTurn, watched.socket.get());
  if (watched.turn->in_flight) return 0;
  const Result posted = port.iocp->post(watched.key(), 0, watched.turn);
  watched.turn->in_flight = posted == 0;
  return posted;
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
    end_operations(*watched);
    let_go_of_operations(port, *watched);
    return static_cast<Result>(watched->socket.release());
  }
  if (watched->kind == kWatchConnection) how = as_lingering_says(watched->socket.get(), how);
  if (how == kReleaseReset) {
    make_abortive(watched->socket.get());
  } else if (watched->kind == kWatchConnection) {
    discard_unread(watched->socket.get());
  }
  // The kernel may use the operations until their completions come, which this brings about.
  close_and_forget(watched->socket);
  let_go_of_operations(port, *watched);
  if (watched->queue) {
    for (Operation* operation : watched->queue->operations) {
      // Accepted, but nobody is going to hear of it: its client is not to wait for us.
      if (operation->done && operation->memory && operation->memory->accepted) make_abortive(operation->memory->accepted.get());
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
