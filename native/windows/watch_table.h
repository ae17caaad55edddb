// The sockets of one exchange, by slot index, and the operations that each has in flight. Owns the
// sockets. Refuses to know bytes.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "../contract/records.h"
#include "../contract/result.h"
#include "iocp.h"
#include "overlapped_pool.h"
#include "unique.h"

namespace pollport {

// A completion port and the operations whose completions it gives back.
struct Port {
  std::unique_ptr<Iocp> iocp;
  OverlappedPool pool;
  // Keys of sockets that lack an operation because the system had no memory for it: see
  // serve_later().
  std::vector<ULONG_PTR> short_of_memory;
};

// An option that accepted sockets get from their listener.
struct InheritedOption {
  int level;
  int name;
  int value;
};

// What only listeners and datagram sockets have.
struct Queue {
  // Listener: accepted, not given out yet. Datagrams: every receive in the order of its start,
  // which is the order in which the system fills them; those at the front may be done.
  std::deque<Operation*> operations;
  size_t posted = 0;
  std::vector<InheritedOption> inherited;
  size_t datagram_bytes = 0;  // of each receive's buffer
  // Handles or memory have run out, which was reported. A listener tries nothing until receiving is
  // switched on again.
  bool resting = false;
};

struct Watched {
  UniqueSocket socket;
  int32_t index = 0;
  int32_t generation = 0;
  uint8_t kind = 0;  // one of kWatch…
  bool ipv6 = false;
  bool receiving = false;   // wants what comes in
  bool associated = false;  // its completions come to the port
  bool by_events = false;   // because events bring them: see event_post.h
  bool is_short = false;    // is among Port::short_of_memory
  bool send_stalled =
      false;       // had no memory for a send: reports that it may send again when it is served
  int broken = 0;  // the error of a receive of no bytes, or of a send: a later receive need not
                   // tell it again
  Operation* receive =
      nullptr;  // connecting: ConnectEx; connection: the receive of no bytes that reports data
  Operation* send = nullptr;  // exists while it is in flight
  Operation* turn = nullptr;  // a packet of our own: see ask_again()
  std::unique_ptr<Queue> queue;

  ULONG_PTR key() const { return key_of(index, generation); }
};

class WatchTable {
 public:
  // The caller still owns the socket if it fails.
  Result watch(int32_t index, int32_t generation, SOCKET socket, int32_t kind);
  // The socket stays the caller's: undoes a watch().
  void unwatch(Port& port, Watched& watched);
  // `how` is one of kRelease…; returns the socket for kReleaseDetach, else 0.
  Result release(Port& port, int32_t index, int32_t how);
  void release_all(Port& port);

  Watched* find(int32_t index);
  Watched* find(int32_t index, int32_t generation);

 private:
  std::vector<Watched> slots_;
};

// A socket's completions come to the port from now on.
Result associate(Port& port, Watched& watched);
// An operation of an associated socket; nullptr when the system has no event left.
Operation* take_operation(Port& port, const Watched& watched, OperationKind kind);
// The exchange serves this socket again at its next turn, although the system has nothing new to
// tell.
void ask_again(Port& port, Watched& watched);
// The same for one that the system had no memory for just now: the next waits serve it, and none
// waits long before it does (kShortageMs).
void serve_later(Port& port, Watched& watched);
// closesocket() of a connection that nothing is in flight on, without a reset where that can be
// had.
void close_connection(UniqueSocket& socket);

}  // namespace pollport
