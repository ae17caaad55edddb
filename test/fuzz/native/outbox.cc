// The outbox natively, under AddressSanitizer: whatever numbers stand in it, nothing is read
// outside of its bytes, and a connection gets what a walk along the chains gives. Input: as in
// targets/outbox.ts. Slot 0 is a connection and slot 1 a UDP socket, both of the Unix family:
// nothing leaves.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <vector>

#include "../../../native/contract/exchange.h"
#include "../../../native/contract/socket.h"
#include "input.h"

using namespace pollport;

namespace {

constexpr size_t kMaxSends = 8;
constexpr size_t kMaxOutboxBytes = 128;

struct World {
  std::unique_ptr<Exchange> exchange;
  std::array<int, 2> peers;

  World() {
    require(create_exchange(exchange) == 0);
    const std::array<int, 2> types = {SOCK_STREAM, SOCK_DGRAM};
    for (size_t i = 0; i < types.size(); i++) {
      int pair[2];
      require(socketpair(AF_UNIX, types[i] | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
      require(exchange->watch(static_cast<int32_t>(i), 1, pair[0],
                              i == 0 ? kWatchConnection : kWatchDatagram) == 0);
      peers[i] = pair[1];
    }
  }
};

// Exactly as large as what it holds, so that one byte beyond is one byte too many.
template <typename T>
struct Exact {
  explicit Exact(std::span<const T> from)
      : memory(std::make_unique<T[]>(from.size())), size(from.size()) {
    for (size_t i = 0; i < size; i++) memory[i] = from[i];
  }
  std::span<T> span() { return {memory.get(), size}; }
  std::unique_ptr<T[]> memory;
  size_t size;
};

std::vector<uint8_t> expected(int32_t count, std::span<const int32_t> sends,
                              std::span<const uint8_t> bytes) {
  std::vector<uint8_t> all;
  const auto held = static_cast<int64_t>(sends.size() / kOutboxStride);
  for (int64_t first = 0; first < count && first < held; first++) {
    if (sends[static_cast<size_t>(first) * kOutboxStride] != 0) continue;
    for (int64_t at = first; at < count && at < held;) {
      const std::span<const int32_t> send =
          sends.subspan(static_cast<size_t>(at) * kOutboxStride, kOutboxStride);
      const int64_t offset = send[1];
      const int64_t length = send[2];
      if (offset < 0 || length < 0 || offset + length > static_cast<int64_t>(bytes.size())) break;
      all.insert(all.end(), bytes.begin() + offset, bytes.begin() + offset + length);
      if (send[3] <= at) break;
      at = send[3];
    }
  }
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static World world;
  Input input(data, size);
  const int32_t count = input.number();
  std::vector<int32_t> sends(input.below(kMaxSends + 1) * kOutboxStride);
  for (int32_t& value : sends) value = input.number();
  Exact<int32_t> exact_sends(sends);
  Exact<uint8_t> exact_bytes(input.bytes(kMaxOutboxBytes));

  // What a refusal tells goes into memory that is small on purpose: it may have no room.
  std::vector<uint8_t> slab(input.byte());
  std::vector<int32_t> records((kMaxSends * kMaxSends + 1) * kRecordStride);
  Batch batch(slab, slab.size(), records);
  world.exchange->flush(Outbox(exact_bytes.span(), exact_sends.span(), count), batch);
  for (size_t i = 0; i < batch.count(); i++) {
    const int32_t* record = records.data() + i * kRecordStride;
    require(record[0] == kKindDatagramFailed && record[1] == 1 && record[2] == 1 && record[3] > 0);
    require(record[4] >= -1 &&
            record[4] + static_cast<int64_t>(sizeof(PackedAddress)) * (record[4] >= 0) <=
                static_cast<int64_t>(slab.size()));
  }

  const std::vector<uint8_t> wanted = expected(count, sends, exact_bytes.span());
  std::vector<uint8_t> got(wanted.size() + 1);
  const ssize_t received = read(world.peers[0], got.data(), got.size());
  require((received < 0 ? 0 : static_cast<size_t>(received)) == wanted.size());
  require(std::equal(wanted.begin(), wanted.end(), got.begin()));
  std::array<uint8_t, kMaxOutboxBytes> datagram;
  while (read(world.peers[1], datagram.data(), datagram.size()) >= 0) continue;
  return 0;
}
