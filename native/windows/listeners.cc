// AcceptEx, and what accepted sockets get from their listener.

#include "listeners.h"

#include <climits>
#include <cstring>
#include <utility>

#include "../contract/limits.h"
#include "../contract/socket.h"

namespace pollport {
namespace {

struct Candidate {
  int level;
  int name;
};

// Linux's accept4(2) hands these on; Windows does not.
constexpr Candidate kCandidates[] = {{IPPROTO_TCP, TCP_NODELAY},
                                     {SOL_SOCKET, SO_KEEPALIVE},
                                     {SOL_SOCKET, SO_SNDBUF},
                                     {SOL_SOCKET, SO_RCVBUF},
                                     {IPPROTO_IP, IP_TOS},
                                     // Two shorts, which an int carries as well.
                                     {SOL_SOCKET, SO_LINGER}};
static_assert(sizeof(linger) == sizeof(int));

int option_of(SOCKET socket, const Candidate& candidate) {
  int value = 0;
  int length = sizeof value;
  // Safe: any object may be seen as char. One that is not there reads as 0 on both sides.
  getsockopt(socket, candidate.level, candidate.name, reinterpret_cast<char*>(&value), &length);
  return value;
}

std::vector<InheritedOption> inherited_options(SOCKET listener, SOCKET fresh) {
  std::vector<InheritedOption> inherited;
  for (const Candidate& candidate : kCandidates) {
    const int wanted = option_of(listener, candidate);
    if (wanted != option_of(fresh, candidate))
      inherited.push_back({candidate.level, candidate.name, wanted});
  }
  return inherited;
}

// The error of the first call that could not be posted, or 0.
Result replenish(Port& port, Watched& watched) {
  Queue& queue = *watched.queue;
  // A client that resets while it is taken fails the call, not the listener (Microsoft Learn,
  // "AcceptEx function"): the next one may be well.
  size_t resets = kAcceptsPosted;
  while (queue.posted < kAcceptsPosted) {
    Operation* operation = take_operation(port, watched, OperationKind::kAccept);
    if (operation == nullptr) return -static_cast<Result>(WSAENOBUFS);
    const Result started = start_accept(*operation, watched.ipv6);
    if (started == 0) {
      queue.posted++;
      continue;
    }
    port.pool.give_back(operation);
    if (started == -static_cast<Result>(WSAECONNRESET) && resets-- > 0) continue;
    return started;
  }
  return 0;
}

// False when the connection is gone already, or cannot be reported.
bool give_out(const Watched& watched, Operation& operation, Batch& batch) {
  if (operation.error != 0) return false;
  PackedAddress peer{};
  if (finish_accept(operation, peer) < 0) return false;
  UniqueSocket& accepted = operation.memory->accepted;
  // Records hold 32 bits. A handle has no more that count (Microsoft Learn, "Interprocess
  // Communication Between 32-bit and 64-bit Applications").
  if (accepted.get() > INT_MAX) return false;
  for (const InheritedOption& option : watched.queue->inherited) {
    // Safe: any object may be seen as char.
    setsockopt(accepted.get(), option.level, option.name,
               reinterpret_cast<const char*>(&option.value), sizeof option.value);
  }
  if (set_non_blocking(static_cast<Handle>(accepted.get()), true) < 0) return false;
  std::memcpy(batch.stream_room().data(), &peer, sizeof peer);
  batch.add(kKindAccepted, watched.index, watched.generation,
            static_cast<int32_t>(accepted.release()), batch.keep_stream(sizeof peer));
  return true;
}

}  // namespace

Result begin_accepting(Port& port, Watched& watched) {
  if (const Result associated = associate(port, watched); associated < 0) return associated;
  watched.queue = std::make_unique<Queue>();
  UniqueSocket fresh;
  if (const Result opened = open_overlapped_socket(false, watched.ipv6, fresh); opened < 0)
    return opened;
  watched.queue->inherited = inherited_options(watched.socket.get(), fresh.get());
  const Result replenished = replenish(port, watched);
  return watched.queue->posted > 0 ? 0 : replenished;
}

void complete_accept(Watched& watched, Operation& operation) {
  operation.done = true;
  watched.queue->posted--;
  watched.queue->operations.push_back(&operation);
}

void serve_listener(Port& port, Watched& watched, int32_t budget, Batch& batch) {
  if (!watched.receiving) return;  // set_receiving() asks again
  Queue& queue = *watched.queue;
  const bool was_resting = std::exchange(queue.resting, false);
  DWORD shortage = 0;
  while (!queue.operations.empty()) {
    if (budget <= 0 || batch.records_room() < 2 ||
        batch.stream_room().size() < sizeof(PackedAddress)) {
      return ask_again(port, watched);
    }
    Operation* operation = queue.operations.front();
    queue.operations.pop_front();
    if (is_shortage(operation->error)) shortage = operation->error;
    if (give_out(watched, *operation, batch)) budget--;
    port.pool.give_back(operation);
  }
  // The other calls may fail in the same way before the rest is over: those failures are old by
  // then, and are not reported.
  if (shortage != 0 && !was_resting) {
    queue.resting = true;
    watched.receiving = false;  // until set_receiving(): the poller says when
    return batch.add(kKindAcceptFailed, watched.index, watched.generation,
                     static_cast<int32_t>(shortage));
  }
  const Result replenished = replenish(port, watched);
  // As long as one call is posted, connections come: trying again with each of them is enough.
  if (queue.posted == 0)
    batch.add(kKindAcceptFailed, watched.index, watched.generation,
              static_cast<int32_t>(-replenished));
}

}  // namespace pollport
