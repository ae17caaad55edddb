// The order of one wait(), and how a batch is shared among the sockets that are ready at once.

#include "../contract/exchange.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <vector>

#include "../contract/socket.h"
#include "datagrams.h"
#include "epoll.h"
#include "listeners.h"
#include "loop_watch.h"
#include "node_loop.h"
#include "send_batch.h"
#include "streams.h"
#include "watch_table.h"

namespace pollport {
namespace {

constexpr size_t kNeverBatched = SIZE_MAX;

class EpollExchange final : public Exchange {
 public:
  explicit EpollExchange(std::unique_ptr<Epoll> epoll) : epoll_(std::move(epoll)) {}
  // Descriptors that were only dropped would be closed as SO_LINGER says, one after the other.
  ~EpollExchange() override { table_.release_all(*epoll_); }

  int64_t waker_number() const override { return epoll_->waker().number(); }
  void set_limits(const ExchangeLimits& limits) override {
    limits_ = limits;
    events_.resize(std::max<size_t>(limits.max_events, 1));
    next_ = ready_ = 0;  // skipped sockets are reported again
  }
  Result batch_calls(int32_t when) override;
  Result watch(int32_t index, int32_t generation, Handle handle, int32_t kind) override;
  Result connect(int32_t index, int32_t generation, Handle handle,
                 const PackedAddress& address) override;
  Result set_receiving(int32_t index, bool on) override {
    return table_.set_receiving(*epoll_, index, on);
  }
  Result release(int32_t index, int32_t how) override {
    return table_.release(*epoll_, index, how);
  }
  Result send(int32_t index, std::span<const uint8_t> bytes) override {
    return send_stream(*epoll_, table_, index, bytes);
  }
  Result send_datagram(int32_t index, std::span<const uint8_t> bytes,
                       const PackedAddress& to) override {
    return pollport::send_datagram(*epoll_, table_, index, bytes, to);
  }
  void flush(const Outbox& outbox, Batch& batch) override;
  Result run(const Outbox& outbox, Batch& batch, double timeout_ms) override;
  Result open_watch(std::function<void()> on_ready, std::unique_ptr<LoopWatch>& out) override {
    return open_loop_watch(epoll_->descriptor(), std::move(on_ready), out);
  }
  Result open_node_loop_watch(void* loop, std::function<void()> on_ready,
                              std::function<void()> on_gone,
                              std::unique_ptr<LoopWatch>& out) override {
    return pollport::open_node_loop_watch(loop, epoll_->descriptor(), std::move(on_ready),
                                          std::move(on_gone), out);
  }

 private:
  SendBatch* send_batch(const Outbox& outbox);
  void take(const epoll_event& event, size_t budget_bytes, Batch& batch);

  std::unique_ptr<Epoll> epoll_;
  WatchTable table_;
  ExchangeLimits limits_{1, 1, 1, 1};
  std::vector<epoll_event> events_ = std::vector<epoll_event>(1);
  // Of events_, [next_, ready_) had no room in the last batch and come first in the next: asked
  // again, epoll would begin with the same ones.
  size_t next_ = 0;
  size_t ready_ = 0;
  UniqueFd spare_;
  // What leaves together, once a flush of so many sends has come.
  std::unique_ptr<SendBatch> send_batch_;
  size_t least_batched_calls_ = kNeverBatched;
};

Result EpollExchange::batch_calls(int32_t when) {
  least_batched_calls_ = kNeverBatched;
  if (when == kBatchCallsAlways) {
    const Result made = SendBatch::create(*epoll_, table_, 1, send_batch_);
    if (made < 0) return made;
    least_batched_calls_ = 1;
  } else if (when == kBatchCallsAuto && IoUring::is_allowed()) {
    least_batched_calls_ = kLeastBatchedCalls;
  }
  return least_batched_calls_ == kNeverBatched ? 0 : 1;
}

// None, where plain calls send this outbox. A poller that never has much to send opens no ring.
SendBatch* EpollExchange::send_batch(const Outbox& outbox) {
  if (static_cast<size_t>(outbox.count()) < least_batched_calls_) return nullptr;
  if (send_batch_ == nullptr &&
      SendBatch::create(*epoll_, table_, least_batched_calls_, send_batch_) < 0)
    least_batched_calls_ = kNeverBatched;
  return send_batch_.get();
}

Result EpollExchange::watch(int32_t index, int32_t generation, Handle handle, int32_t kind) {
  const int fd = static_cast<int>(handle);
  if (kind == kWatchListener && !spare_) spare_ = open_spare();
  const auto watched_kind = static_cast<uint8_t>(kind == kWatchAccepted ? kWatchConnection : kind);
  if (const Result watched = table_.watch(*epoll_, index, generation, fd, watched_kind);
      watched < 0)
    return watched;
  if (kind != kWatchDatagramReportingErrors) return 0;
  // Last, so that a socket that cannot be watched keeps its options.
  const Result kept = keep_datagram_errors(fd);
  if (kept < 0) table_.release(*epoll_, index, kReleaseDetach);
  return kept;
}

Result EpollExchange::connect(int32_t index, int32_t generation, Handle handle,
                              const PackedAddress& address) {
  const Result result = connect_socket(handle, address);
  if (result < 0 && result != kWouldBlock) return result;
  const Result watched =
      watch(index, generation, handle, result == 0 ? kWatchConnection : kWatchConnecting);
  return watched < 0 ? watched : result;
}

void EpollExchange::flush(const Outbox& outbox, Batch& batch) {
  SendBatch* together = send_batch(outbox);
  Send send{};
  for (int32_t position = 0; position < outbox.count(); position++) {
    if (!outbox.read(position, send) || send.index < 0)
      continue;  // skipped, or reached through its chain
    const Watched* watched = table_.find(send.index);
    if (watched == nullptr) continue;
    if (watched->kind == kWatchConnection && together != nullptr) {
      together->add(outbox, send.index, position, batch);
    } else if (watched->kind == kWatchConnection) {
      send_stream_chain(*epoll_, table_, outbox, send.index, position, batch);
    } else if (watched->kind == kWatchDatagram || watched->kind == kWatchDatagramReportingErrors) {
      send_datagram_chain(*epoll_, table_, outbox, position, batch);
    }
  }
  if (together == nullptr || together->leave(outbox, batch)) return;
  // A kernel that refuses once, by a filter of system calls, refuses for good.
  send_batch_.reset();
  least_batched_calls_ = kNeverBatched;
}

Result EpollExchange::run(const Outbox& outbox, Batch& batch, double timeout_ms) {
  flush(outbox, batch);
  // What sending had to report is reported now, not after another socket's event.
  if (batch.count() > 0) timeout_ms = 0;

  if (next_ == ready_) {
    const Epoll::Waited waited = epoll_->wait(events_, timeout_ms);
    if (waited.count < 0) return waited.count;
    if (waited.woken) batch.add(kKindWoken, 0, 0);
    next_ = 0;
    ready_ = static_cast<size_t>(waited.count);
  } else if (epoll_->waker().take()) {
    batch.add(kKindWoken, 0, 0);
  }
  for (; next_ < ready_; next_++) {
    const size_t budget_bytes = batch.stream_budget(limits_.read_budget);
    // Three is the most that one socket adds below, apart from datagrams and accepted sockets,
    // which count for themselves.
    if (budget_bytes == 0 || batch.records_room() < 3) break;
    take(events_[next_], budget_bytes, batch);
  }
  return 0;
}

void EpollExchange::take(const epoll_event& event, size_t budget_bytes, Batch& batch) {
  const auto index = static_cast<int32_t>(event.data.u64 & 0xffffffff);
  const auto generation = static_cast<int32_t>(event.data.u64 >> 32);
  Watched* watched = table_.find(index, generation);
  if (watched == nullptr) return;  // released since: a stale event

  switch (watched->kind) {
    case kWatchListener:
      serve_listener(table_, index, limits_.accept_budget, spare_, batch);
      return;
    case kWatchConnecting:
      complete_connect(*epoll_, table_, index, batch);
      return;
    case kWatchConnection:
      // An error alone does not make a socket writable, and is reported until somebody asks: a send
      // does.
      if ((event.events & (EPOLLOUT | EPOLLERR)) != 0 && watched->sending)
        batch.add(kKindWritable, index, generation);
      drain_connection(*epoll_, table_, index, event.events, budget_bytes, batch);
      if ((event.events & EPOLLERR) != 0) discard_error_messages(*watched);
      return;
    default:
      if ((event.events & EPOLLOUT) != 0 && watched->sending)
        batch.add(kKindWritable, index, generation);
      if ((event.events & EPOLLERR) != 0) receive_datagram_errors(*watched, index, batch);
      if ((event.events & EPOLLIN) != 0 && watched->receiving)
        receive_datagrams(*watched, index, limits_.max_datagram, limits_.read_budget, batch);
      // Shut down for receiving, it is called readable for ever.
      if ((event.events & EPOLLRDHUP) != 0 && watched->receiving && !has_datagram(*watched))
        table_.set_receiving(*epoll_, index, false);
      return;
  }
}

}  // namespace

Result create_exchange(std::unique_ptr<Exchange>& out) {
  std::unique_ptr<Epoll> epoll;
  if (const Result made = Epoll::create(epoll); made < 0) return made;
  out = std::make_unique<EpollExchange>(std::move(epoll));
  return 0;
}

}  // namespace pollport
