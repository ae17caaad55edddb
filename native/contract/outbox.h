// Reads what TypeScript queued since the last wait: sends and their bytes, both borrowed for one
// call. Refuses to know sockets.
#pragma once

#include <cstdint>
#include <span>

#include "address.h"
#include "records.h"

namespace pollport {

struct Send {
  int32_t index;
  int32_t offset;
  int32_t length;
  int32_t next;
  int32_t address;
};

class Outbox {
 public:
  Outbox(std::span<const uint8_t> bytes, std::span<const int32_t> sends, int32_t count)
      : bytes_(bytes), sends_(sends) {
    const auto capacity = static_cast<int32_t>(sends.size() / kOutboxStride);
    count_ = count < 0 ? 0 : count < capacity ? count : capacity;
  }

  int32_t count() const { return count_; }

  // False when the numbers point outside of the outbox: such a send is passed over, memory is never
  // read on TypeScript's word alone.
  bool read(int32_t position, Send& out) const {
    if (position < 0 || position >= count_) return false;
    const int32_t* send = sends_.data() + static_cast<size_t>(position) * kOutboxStride;
    out = {send[0], send[1], send[2], send[3], send[4]};
    return within(out.offset, out.length);
  }
  bool has_address(const Send& send) const {
    return within(send.address, static_cast<int32_t>(sizeof(PackedAddress)));
  }
  const uint8_t* at(int32_t offset) const { return bytes_.data() + offset; }

  // Which send of a chain was cut, and how many of its bytes went.
  struct Cut {
    int32_t position;
    size_t taken;
  };
  // The chain begins at `first`, and the system took `sent` bytes, which is not all of it.
  Cut cut(int32_t first, size_t sent) const {
    Cut found{first, sent};
    Send send{};
    while (read(found.position, send) && found.taken >= static_cast<size_t>(send.length) &&
           send.next > found.position) {
      found.taken -= static_cast<size_t>(send.length);
      found.position = send.next;
    }
    return found;
  }

 private:
  bool within(int32_t offset, int32_t length) const {
    return offset >= 0 && length >= 0 &&
           static_cast<size_t>(offset) + static_cast<size_t>(length) <= bytes_.size();
  }

  std::span<const uint8_t> bytes_;
  std::span<const int32_t> sends_;
  int32_t count_;
};

}  // namespace pollport
