// One wait() of the unified floor and the sockets that it serves, by slot index and generation.
// Every system supplies the class behind create_exchange(); lib/poller/backend.ts says in prose
// what is promised. Refuses to know ids' owners.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "address.h"
#include "batch.h"
#include "loop_watch.h"
#include "outbox.h"
#include "result.h"

namespace pollport {

struct ExchangeLimits {
  size_t max_events;
  size_t read_budget;   // bytes that one socket may give to one wait
  size_t max_datagram;  // bytes; longer ones are truncated
  int32_t accept_budget;
};

class Exchange {
 public:
  Exchange() = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  // Closes every socket that is still watched.
  virtual ~Exchange() = default;

  virtual int64_t waker_number() const = 0;
  virtual void set_limits(const ExchangeLimits& limits) = 0;
  // Whether one call into the system makes several sends of a flush. `when` is one of kBatchCalls…;
  // fails where that is kBatchCallsAlways and the system refuses.
  virtual Result batch_calls(int32_t when) = 0;

  // Owns the handle from now on, unless it fails. `kind` is one of kWatch….
  virtual Result watch(int32_t index, int32_t generation, Handle handle, int32_t kind) = 0;
  // 0 = connected, kWouldBlock = kKindConnected follows; otherwise the handle is still the
  // caller's.
  virtual Result connect(int32_t index, int32_t generation, Handle handle,
                         const PackedAddress& address) = 0;
  virtual Result set_receiving(int32_t index, bool on) = 0;
  // `how` is one of kRelease…; the handle for kReleaseDetach, else 0.
  virtual Result release(int32_t index, int32_t how) = 0;
  // Bytes taken.
  virtual Result send(int32_t index, std::span<const uint8_t> bytes) = 0;
  // 1 = taken, 0 = no room now.
  virtual Result send_datagram(int32_t index, std::span<const uint8_t> bytes,
                               const PackedAddress& to) = 0;

  // Only the sending part of run().
  virtual void flush(const Outbox& outbox, Batch& batch) = 0;
  virtual Result run(const Outbox& outbox, Batch& batch, double timeout_ms) = 0;
  virtual Result open_watch(std::function<void()> on_ready, std::unique_ptr<LoopWatch>& out) = 0;
  // The same without a thread, by the loop of Node itself (`loop` is its uv_loop_t) on the thread
  // that runs it. `on_gone` is called once in a turn of that loop, when nothing of the watch is in
  // it any more. Fails where the system's loop cannot watch the exchange: a thread can.
  virtual Result open_node_loop_watch(void* loop, std::function<void()> on_ready,
                                      std::function<void()> on_gone,
                                      std::unique_ptr<LoopWatch>& out) = 0;
};

Result create_exchange(std::unique_ptr<Exchange>& out);

}  // namespace pollport
