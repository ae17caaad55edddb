// Writes one wait's results: records into the record array, bytes into the slab. Both belong to
// JavaScript and are borrowed for one call. Refuses to know what a record means.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "address.h"
#include "records.h"

namespace pollport {

class Batch {
 public:
  // Streams and addresses fill the slab's front part, datagrams the rest: a datagram needs room for
  // the largest one before it is received, and would starve behind many busy streams.
  Batch(std::span<uint8_t> slab, size_t stream_bytes, std::span<int32_t> records)
      : slab_(slab),
        stream_end_(stream_bytes < slab.size() ? stream_bytes : slab.size()),
        datagram_used_(stream_end_),
        records_(records) {}

  size_t count() const { return count_; }
  bool full() const { return records_room() == 0; }
  size_t records_room() const { return records_.size() / kRecordStride - count_; }

  void add(int32_t kind, int32_t index, int32_t generation, int32_t a = 0, int32_t b = 0,
           int32_t c = 0) {
    if (full()) return;  // callers ask records_room() before they take anything from the system
    int32_t* record = records_.data() + count_ * kRecordStride;
    record[0] = kind;
    record[1] = index;
    record[2] = generation;
    record[3] = a;
    record[4] = b;
    record[5] = c;
    count_++;
  }

  std::span<uint8_t> stream_room() {
    return slab_.subspan(stream_used_, stream_end_ - stream_used_);
  }
  // How much of `budget` the next stream may take; nothing once so little is left that it would be
  // cut into crumbs: it has its turn in the next wait, with the whole slab before it.
  size_t stream_budget(size_t budget) const {
    const size_t room = stream_end_ - stream_used_;
    return room < std::min(budget, stream_end_ / 4) ? 0 : std::min(budget, room);
  }
  // Keeps the first `bytes` of stream_room(); returns their offset in the slab.
  int32_t keep_stream(size_t bytes) {
    const size_t offset = stream_used_;
    stream_used_ += bytes;
    return static_cast<int32_t>(offset);
  }

  std::span<uint8_t> datagram_room() { return slab_.subspan(datagram_used_); }
  int32_t keep_datagram(size_t bytes) {
    const size_t offset = datagram_used_;
    datagram_used_ += bytes;
    return static_cast<int32_t>(offset);
  }

 private:
  std::span<uint8_t> slab_;
  size_t stream_used_ = 0;
  size_t stream_end_;
  size_t datagram_used_;
  std::span<int32_t> records_;
  size_t count_ = 0;
};

}  // namespace pollport
