// One wait() of the unified floor: sends the outbox, waits, and takes from every ready socket its share. Refuses to know ids' owners.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "../contract/batch.h"
#include "../contract/outbox.h"
#include "epoll.h"
#include "watch_table.h"

namespace pollport {

class Exchange {
 public:
  struct Limits {
    size_t max_events;
    size_t read_budget;   // bytes that one socket may give to one wait
    size_t max_datagram;  // bytes; longer ones are truncated
    int32_t accept_budget;
    size_t stream_bytes;  // the part of the slab that is not for datagrams
  };

  explicit Exchange(std::unique_ptr<Epoll> epoll) : epoll_(std::move(epoll)) {}

  Epoll& epoll() { return *epoll_; }
  WatchTable& table() { return table_; }
  void set_limits(const Limits& limits);
  const Limits& limits() const { return limits_; }

  Result watch(int32_t index, int32_t generation, int fd, uint8_t kind);
  // Only the sending part.
  void flush(const Outbox& outbox, Batch& batch);
  // 0, or minus errno of the wait.
  Result run(const Outbox& outbox, Batch& batch, double timeout_ms);

 private:
  void take(const epoll_event& event, size_t share, Batch& batch);

  std::unique_ptr<Epoll> epoll_;
  WatchTable table_;
  Limits limits_{1, 1, 1, 1, 0};
  std::vector<epoll_event> events_ = std::vector<epoll_event>(1);
  UniqueFd spare_;
};

}  // namespace pollport
