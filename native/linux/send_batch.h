// The chains of one flush that leave in one system call, by an IoUring. Refuses to know who waits.
#pragma once

#include <array>
#include <memory>

#include "../contract/batch.h"
#include "../contract/limits.h"
#include "../contract/outbox.h"
#include "io_uring.h"
#include "streams.h"
#include "watch_table.h"

namespace pollport {

class SendBatch {
 public:
  // With fewer than `least_calls` connections to send to, plain calls are cheaper.
  static Result create(Epoll& epoll, WatchTable& table, size_t least_calls,
                       std::unique_ptr<SendBatch>& out);

  // By create().
  SendBatch(Epoll& epoll, WatchTable& table, size_t least_calls, std::unique_ptr<IoUring> ring)
      : epoll_(epoll), table_(table), least_calls_(least_calls), ring_(std::move(ring)) {}

  // As send_stream_chain() does it, but later: leave() is next at the latest.
  void add(const Outbox& outbox, int32_t index, int32_t first, Batch& batch);
  // Sends what was added. False once the kernel refuses the ring: everything was sent all the same.
  bool leave(const Outbox& outbox, Batch& batch);

 private:
  struct Chain {
    int32_t index;
    Piece piece;
  };

  Epoll& epoll_;
  WatchTable& table_;
  size_t least_calls_;
  std::unique_ptr<IoUring> ring_;
  size_t count_ = 0;
  std::array<SendCall, kMaxBatchedCalls> calls_;
  std::array<Chain, kMaxBatchedCalls> chains_;
  size_t vector_count_ = 0;
  std::array<iovec, kMaxBatchedVectors> vectors_;
  bool refused_ = false;
};

}  // namespace pollport
