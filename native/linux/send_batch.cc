// Gathers chains, has all of them sent at once, and does by plain calls what the kernel did not.

#include "send_batch.h"

#include <cerrno>

#include "would_block.h"

namespace pollport {

Result SendBatch::create(Epoll& epoll, WatchTable& table, size_t least_calls,
                         std::unique_ptr<SendBatch>& out) {
  std::unique_ptr<IoUring> ring;
  if (const Result made = IoUring::create(ring); made < 0) return made;
  out = std::make_unique<SendBatch>(epoll, table, least_calls, std::move(ring));
  return 0;
}

void SendBatch::add(const Outbox& outbox, int32_t index, int32_t first, Batch& batch) {
  if (count_ == calls_.size() || vectors_.size() - vector_count_ < kMaxVectors)
    leave(outbox, batch);
  const Watched* watched = table_.find(index);
  if (watched == nullptr) return;
  const std::span<iovec> room = std::span(vectors_).subspan(vector_count_, kMaxVectors);
  const Piece piece = gather(outbox, first, room);
  if (piece.vector_count == 0) return;
  calls_[count_] = {watched->fd.get(), room.first(piece.vector_count)};
  chains_[count_] = {index, piece};
  vector_count_ += piece.vector_count;
  count_++;
}

bool SendBatch::leave(const Outbox& outbox, Batch& batch) {
  const std::span<SendCall> calls = std::span(calls_).first(count_);
  if (!refused_ && count_ >= least_calls_) refused_ = !ring_->run(calls);
  for (size_t i = 0; i < calls.size(); i++) {
    const auto& [index, piece] = chains_[i];
    Result sent = calls[i].sent;
    if (sent == SendCall::kNotMade) {
      sent = send_vectors(calls[i].fd, calls[i].vectors);
    } else if (sent < 0 && would_block(static_cast<int>(-sent))) {
      sent = 0;
    }
    if (settle(epoll_, table_, outbox, index, piece, sent, batch) && piece.next >= 0)
      send_stream_chain(epoll_, table_, outbox, index, piece.next, batch);
  }
  count_ = vector_count_ = 0;
  return !refused_;
}

}  // namespace pollport
