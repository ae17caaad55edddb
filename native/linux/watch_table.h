// The sockets of one Epoll, by slot index: descriptor, generation, what it is, and what it waits
// for. Owns the descriptors. Refuses to know bytes and buffers.
#pragma once

#include <cstdint>
#include <vector>

#include "../contract/records.h"
#include "../contract/result.h"
#include "epoll.h"
#include "unique_fd.h"

namespace pollport {

struct Watched {
  UniqueFd fd;
  int32_t generation = 0;
  uint8_t kind = 0;        // one of kWatch…
  bool receiving = false;  // wants what comes in
  bool sending = false;    // has something left that the system did not take
  bool ended = false;      // the peer has finished, and all that it sent was received
  int broken = 0;          // the reset that a send reported: a later receive sees an end instead
  uint32_t in_epoll = 0;   // the mask in the kernel's set; 0 = not in the set
  uint32_t datagram_bytes =
      0;  // the largest datagram of the last receive: how many of them a budget is
};

class WatchTable {
 public:
  Result watch(Epoll& epoll, int32_t index, int32_t generation, int fd, uint8_t kind);
  // Takes the socket out. `how` is one of kRelease…; returns the descriptor for kReleaseDetach,
  // else 0.
  Result release(Epoll& epoll, int32_t index, int32_t how);
  void release_all(Epoll& epoll);

  Watched* find(int32_t index);
  Watched* find(int32_t index, int32_t generation);

  Result set_receiving(Epoll& epoll, int32_t index, bool on);
  Result set_sending(Epoll& epoll, int32_t index, bool on);
  // A connect is done: the socket is a connection from now on.
  Result set_connected(Epoll& epoll, int32_t index);

 private:
  Result update(Epoll& epoll, int32_t index, Watched& watched);

  std::vector<Watched> slots_;
};

}  // namespace pollport
