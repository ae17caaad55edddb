// The order of one wait(), and how a batch is shared among the sockets that are ready at once.

#include "exchange.h"

#include <algorithm>

#include "datagrams.h"
#include "drain.h"
#include "streams.h"

namespace pollport {

void Exchange::set_limits(const Limits& limits) {
  limits_ = limits;
  events_.resize(std::max<size_t>(limits.max_events, 1));
}

Result Exchange::watch(int32_t index, int32_t generation, int fd, uint8_t kind) {
  if (kind == kWatchListener && !spare_) spare_ = open_spare();
  return table_.watch(*epoll_, index, generation, fd, kind);
}

void Exchange::flush(const Outbox& outbox, Batch& batch) {
  Send send{};
  for (int32_t position = 0; position < outbox.count(); position++) {
    if (!outbox.read(position, send) || send.index < 0) continue;  // skipped, or reached through its chain
    const Watched* watched = table_.find(send.index);
    if (watched == nullptr) continue;
    if (watched->kind == kWatchConnection) {
      send_stream_chain(*epoll_, table_, outbox, position, batch);
    } else if (watched->kind == kWatchDatagram || watched->kind == kWatchDatagramReportingErrors) {
      send_datagram_chain(*epoll_, table_, outbox, position, batch);
    }
  }
}

Result Exchange::run(const Outbox& outbox, Batch& batch, double timeout_ms) {
  flush(outbox, batch);
  // Whatever sending had to tell is told now, not after somebody else's event.
  if (batch.count() > 0) timeout_ms = 0;

  const Epoll::Waited waited = epoll_->wait(events_, timeout_ms);
  if (waited.count < 0) return waited.count;
  if (waited.woken) batch.add(kKindWoken, 0, 0);

  const auto count = static_cast<size_t>(waited.count);
  for (size_t i = 0; i < count; i++) {
    // An equal share of what is left of the slab: what one socket does not use, the following ones may.
    const size_t share = batch.stream_room().size() / (count - i);
    take(events_[i], std::min(share, limits_.read_budget), batch);
  }
  return 0;
}

void Exchange::take(const epoll_event& event, size_t share, Batch& batch) {
  // What finds no room is told again by the next wait: everything here is level-triggered. Three is the most that one socket adds below,
  // apart from datagrams and accepted sockets, which count for themselves.
  if (batch.records_room() < 3) return;
  const auto index = static_cast<int32_t>(event.data.u64 & 0xffffffff);
  const auto generation = static_cast<int32_t>(event.data.u64 >> 32);
  Watched* watched = table_.find(index, generation);
  if (watched == nullptr) return;  // released since: a stale event

  switch (watched->kind) {
    case kWatchListener:
      drain_listener(table_, index, limits_.accept_budget, spare_, batch);
      return;
    case kWatchConnecting:
      finish_connect(*epoll_, table_, index, batch);
      return;
    case kWatchConnection:
      if ((event.events & EPOLLOUT) != 0 && watched->sending) batch.add(kKindWritable, index, generation);
      drain_connection(*epoll_, table_, index, event.events, share, batch);
      return;
    default:
      if ((event.events & EPOLLOUT) != 0 && watched->sending) batch.add(kKindWritable, index, generation);
      if ((event.events & EPOLLERR) != 0) receive_datagram_errors(*watched, index, batch);
      if ((event.events & EPOLLIN) != 0) receive_datagrams(*watched, index, limits_.max_datagram, limits_.read_budget, batch);
      return;
  }
}

}  // namespace pollport
