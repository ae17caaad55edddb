// The order of one wait(), and how a batch is shared among the sockets whose operations are
// complete at once.

#include "../contract/exchange.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "../contract/clock.h"
#include "../contract/limits.h"
#include "../contract/socket.h"
#include "datagrams.h"
#include "listeners.h"
#include "loop_watch.h"
#include "socket_modes.h"
#include "streams.h"
#include "watch_table.h"

namespace pollport {
namespace {

// A loop watch's thread and the waiting thread may both be at work.
constexpr uint32_t kThreadsAtThePort = 2;
// What one turn of a socket may have to tell at most: that it may send again, data, and an end.
constexpr size_t kRecordsPerSocket = 3;

class IocpExchange final : public Exchange {
 public:
  explicit IocpExchange(std::unique_ptr<Iocp> iocp) { port_.iocp = std::move(iocp); }
  ~IocpExchange() override;

  int64_t waker_number() const override { return port_.iocp->waker().number(); }
  void set_limits(const ExchangeLimits& limits) override {
    limits_ = limits;
    entries_.resize(std::max<size_t>(limits.max_events, 1));
  }
  Result batch_calls(int32_t when) override {
    // Windows has no such call.
    return when == kBatchCallsAlways ? -static_cast<Result>(ERROR_NOT_SUPPORTED) : 0;
  }
  Result watch(int32_t index, int32_t generation, Handle handle, int32_t kind) override;
  Result connect(int32_t index, int32_t generation, Handle handle,
                 const PackedAddress& address) override;
  Result set_receiving(int32_t index, bool on) override;
  Result release(int32_t index, int32_t how) override { return table_.release(port_, index, how); }
  Result send(int32_t index, std::span<const uint8_t> bytes) override;
  Result send_datagram(int32_t index, std::span<const uint8_t> bytes,
                       const PackedAddress& to) override;
  void flush(const Outbox& outbox, Batch& batch) override;
  Result run(const Outbox& outbox, Batch& batch, double timeout_ms) override;
  Result open_watch(std::function<void()> on_ready, std::unique_ptr<LoopWatch>& out) override {
    return open_loop_watch(*port_.iocp, std::move(on_ready), out);
  }
  Result open_node_loop_watch(void* /*loop*/, std::function<void()> /*on_ready*/,
                              std::function<void()> /*on_gone*/,
                              std::unique_ptr<LoopWatch>& /*out*/) override {
    // Node's loop is a completion port itself, and cannot watch one.
    return -static_cast<Result>(ERROR_NOT_SUPPORTED);
  }

 private:
  Result begin(Watched& watched);
  void begin_fresh_ones(Batch& batch);
  void serve_those_short_of_memory(Batch& batch);
  void take(const OVERLAPPED_ENTRY& entry, Batch& batch);
  void serve(Watched& watched, Batch& batch);
  Operation* finished(const OVERLAPPED_ENTRY& entry);
  void drop(Operation* operation);

  Port port_;
  WatchTable table_;
  ExchangeLimits limits_{1, 1, 1, 1};
  std::vector<OVERLAPPED_ENTRY> entries_ = std::vector<OVERLAPPED_ENTRY>(1);
  // Accepted since the last wait, by index and generation; not with the port yet, so that another
  // thread may still have them.
  std::vector<std::pair<int32_t, int32_t>> fresh_;
};

IocpExchange::~IocpExchange() {
  table_.release_all(port_);
  std::array<OVERLAPPED_ENTRY, 64> entries;
  const double deadline = clock_ms() + kLongestDrainMs;
  while (port_.pool.in_flight() > 0 && clock_ms() < deadline) {
    const Iocp::Waited waited = port_.iocp->wait(entries, deadline - clock_ms());
    if (waited.count < 0)
      return;  // no port to drain: the pool leaves what is pending to the system
    for (Result i = 0; i < waited.count; i++) drop(finished(entries[static_cast<size_t>(i)]));
  }
}

Result IocpExchange::watch(int32_t index, int32_t generation, Handle handle, int32_t kind) {
  const bool is_fresh = kind == kWatchAccepted;
  const Result watched = table_.watch(index, generation, static_cast<SOCKET>(handle),
                                      is_fresh ? kWatchConnection : kind);
  if (watched < 0) return watched;
  if (is_fresh) {
    fresh_.emplace_back(index, generation);
    return 0;
  }
  Watched& found = *table_.find(index);
  const Result begun = begin(found);
  if (begun < 0) table_.unwatch(port_, found);
  return begun;
}

Result IocpExchange::begin(Watched& watched) {
  switch (watched.kind) {
    case kWatchListener:
      return begin_accepting(port_, watched);
    case kWatchConnection: {
      const Result associated = associate(port_, watched);
      if (associated == 0 && watched.receiving) await_data(port_, watched);
      return associated;
    }
    default:
      report_unreachable(watched.socket.get(), watched.kind == kWatchDatagramReportingErrors);
      return begin_datagrams(port_, watched, limits_.max_datagram);
  }
}

void IocpExchange::begin_fresh_ones(Batch& batch) {
  for (const auto& [index, generation] : fresh_) {
    Watched* watched = table_.find(index, generation);
    // Closed or given away meanwhile, or sending has brought it to the port already.
    if (watched == nullptr) continue;
    const Result begun = begin(*watched);
    if (begun < 0) batch.add(kKindFailed, index, generation, static_cast<int32_t>(-begun));
  }
  fresh_.clear();
}

void IocpExchange::serve_those_short_of_memory(Batch& batch) {
  if (port_.short_of_memory.empty()) return;
  port_.iocp->limit_waits(false);
  for (const ULONG_PTR key : std::exchange(port_.short_of_memory, {})) {
    Watched* watched = table_.find(index_of(key), generation_of(key));
    if (watched == nullptr || !std::exchange(watched->is_short, false)) continue;  // closed since
    // Those that find no room in the batch come first in the next wait.
    if (batch.records_room() < kRecordsPerSocket || batch.stream_budget(limits_.read_budget) == 0) {
      serve_later(port_, *watched);
      continue;
    }
    if (std::exchange(watched->send_stalled, false))
      batch.add(kKindWritable, watched->index, watched->generation);
    if (watched->kind != kWatchConnecting) serve(*watched, batch);
  }
}

Result IocpExchange::connect(int32_t index, int32_t generation, Handle handle,
                             const PackedAddress& address) {
  const Result watched =
      table_.watch(index, generation, static_cast<SOCKET>(handle), kWatchConnecting);
  if (watched < 0) return watched;
  Watched& found = *table_.find(index);
  const Result begun = begin_connect(port_, found, address);
  if (begun == 0) return kWouldBlock;
  table_.unwatch(port_, found);
  return begun;
}

Result IocpExchange::set_receiving(int32_t index, bool on) {
  Watched* watched = table_.find(index);
  if (watched == nullptr) return -static_cast<Result>(WSAENOTSOCK);
  watched->receiving = on;
  // What came in meanwhile is held by operations that are done: a turn of its own gives it out. A
  // connection that is not with the port yet gets there with the next wait.
  if (!on || watched->kind == kWatchConnecting || !watched->associated) return 0;
  if (watched->kind == kWatchConnection) {
    await_data(port_, *watched);
  } else {
    ask_again(port_, *watched);
  }
  return 0;
}

Result IocpExchange::send(int32_t index, std::span<const uint8_t> bytes) {
  Watched* watched = table_.find(index);
  return watched == nullptr ? -static_cast<Result>(WSAENOTSOCK)
                            : send_stream(port_, *watched, bytes);
}

Result IocpExchange::send_datagram(int32_t index, std::span<const uint8_t> bytes,
                                   const PackedAddress& to) {
  Watched* watched = table_.find(index);
  return watched == nullptr ? -static_cast<Result>(WSAENOTSOCK)
                            : pollport::send_datagram(port_, *watched, bytes, to);
}

void IocpExchange::flush(const Outbox& outbox, Batch& batch) {
  Send send{};
  for (int32_t position = 0; position < outbox.count(); position++) {
    if (!outbox.read(position, send) || send.index < 0)
      continue;  // skipped, or reached through its chain
    Watched* watched = table_.find(send.index);
    if (watched == nullptr) continue;
    if (watched->kind == kWatchConnection) {
      send_stream_chain(port_, *watched, outbox, position, batch);
    } else if (watched->kind == kWatchDatagram || watched->kind == kWatchDatagramReportingErrors) {
      send_datagram_chain(port_, *watched, outbox, position, batch);
    }
  }
}

Result IocpExchange::run(const Outbox& outbox, Batch& batch, double timeout_ms) {
  flush(outbox, batch);
  begin_fresh_ones(batch);
  const double deadline = timeout_ms > 0 ? clock_ms() + timeout_ms : 0;
  Iocp::Waited waited{};
  for (;;) {
    serve_those_short_of_memory(batch);
    // What is there to report already is reported now, not after another socket's event.
    if (batch.count() > 0) timeout_ms = 0;
    const double limited_ms = port_.iocp->limited(timeout_ms);
    waited = port_.iocp->wait(entries_, limited_ms);
    if (waited.count != 0 || waited.woken || limited_ms == timeout_ms) break;
    if (timeout_ms > 0) timeout_ms = std::max(deadline - clock_ms(), 0.0);
  }
  if (waited.count < 0) return waited.count;
  if (waited.woken) batch.add(kKindWoken, 0, 0);

  const std::span<const OVERLAPPED_ENTRY> ready =
      std::span(entries_).first(static_cast<size_t>(waited.count));
  for (size_t i = 0; i < ready.size(); i++) {
    if (batch.stream_budget(limits_.read_budget) == 0) {
      port_.iocp->put_back(ready.subspan(i));
      break;
    }
    take(ready[i], batch);
  }
  return 0;
}

void IocpExchange::take(const OVERLAPPED_ENTRY& entry, Batch& batch) {
  Operation* operation = finished(entry);
  if (operation == nullptr) return;
  Watched* watched =
      table_.find(index_of(entry.lpCompletionKey), generation_of(entry.lpCompletionKey));
  if (watched == nullptr) return drop(operation);  // its socket was released since
  switch (operation->kind) {
    case OperationKind::kConnect:
      return complete_connect(port_, *watched, batch);
    case OperationKind::kSend:
      return complete_send(port_, *watched, batch);
    case OperationKind::kSendTo:
      return complete_datagram_send(port_, *watched, batch);
    case OperationKind::kAccept:
      complete_accept(*watched, *operation);
      return serve(*watched, batch);
    case OperationKind::kReceiveFrom:
      operation->done = true;
      return serve(*watched, batch);
    case OperationKind::kReceive:
      if (is_shortage(operation->error)) return serve_later(port_, *watched);
      // The system may report a broken connection only once, and has done so here.
      if (operation->error != 0) watched->broken = static_cast<int>(operation->error);
      return serve(*watched, batch);
    default:
      return serve(*watched, batch);
  }
}

void IocpExchange::serve(Watched& watched, Batch& batch) {
  if (watched.kind == kWatchListener)
    return serve_listener(port_, watched, limits_.accept_budget, batch);
  if (watched.kind == kWatchConnection)
    return drain_connection(port_, watched, batch.stream_budget(limits_.read_budget), batch);
  serve_datagrams(port_, watched, limits_.read_budget, batch);
}

// The operation of a completion, with its result; nullptr for a stranger's.
Operation* IocpExchange::finished(const OVERLAPPED_ENTRY& entry) {
  Operation* operation = port_.pool.find(entry.lpOverlapped);
  if (operation == nullptr) return nullptr;
  operation->in_flight = false;
  if (operation->kind == OperationKind::kTurn) return operation;
  finish(*operation);
  // A connect that was aborted has failed; one that was reset has been a connection:
  // complete_connect() tells them apart.
  if (operation->kind == OperationKind::kConnect) return operation;
  operation->error = static_cast<DWORD>(reset_if_aborted(static_cast<int>(operation->error)));
  return operation;
}

void IocpExchange::drop(Operation* operation) {
  if (operation == nullptr) return;
  // Accepted, but the listener is closed: the client is not to wait for us.
  if (operation->kind == OperationKind::kAccept && operation->error == 0)
    make_abortive(operation->memory->accepted.get());
  if (operation->closing) close_connection(operation->closing);
  port_.pool.give_back(operation);
}

}  // namespace

Result create_exchange(std::unique_ptr<Exchange>& out) {
  std::unique_ptr<Iocp> iocp;
  if (const Result made = Iocp::create(kThreadsAtThePort, iocp); made < 0) return made;
  out = std::make_unique<IocpExchange>(std::move(iocp));
  return 0;
}

}  // namespace pollport
