// Records natively, under AddressSanitizer: with a slab and an array of records of any size, an
// exchange writes inside of both, what it says where is there, no two things lie on one another,
// and every byte and datagram that was sent is given out once and in order, in however many waits.
// Input: the sizes, then what a peer does and when the exchange is asked. The sockets are of the
// Unix family: nothing leaves.
#include "../../../native/contract/batch.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "../../../native/contract/exchange.h"
#include "input.h"

using namespace pollport;

namespace {

constexpr int32_t kStream = 0;
constexpr int32_t kDatagrams = 1;
constexpr int32_t kListener = 2;
constexpr size_t kMaxSteps = 64;
constexpr size_t kMaxRounds = 1000;

class World {
 public:
  explicit World(Input& input)
      : input_(input),
        max_datagram_(1 + input.below(100)),
        stream_bytes_(sizeof(PackedAddress) + input.byte()),
        slab_(stream_bytes_ + (1 + input.below(3)) * (sizeof(PackedAddress) + max_datagram_)),
        records_((4 + input.below(8)) * kRecordStride) {
    require(create_exchange(exchange_) == 0);
    exchange_->set_limits({1 + input.below(4), 1 + input.below(64), max_datagram_,
                           static_cast<int32_t>(1 + input.below(4))});
    for (const int32_t index : {kStream, kDatagrams}) {
      int pair[2];
      require(socketpair(AF_UNIX, (index == kStream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK, 0,
                         pair) == 0);
      require(exchange_->watch(index, 1, pair[0],
                               index == kStream ? kWatchConnection : kWatchDatagram) == 0);
      peers_[static_cast<size_t>(index)] = pair[1];
    }
    const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockaddr_un any{};
    any.sun_family = AF_UNIX;  // a name of the system's choice (unix(7), "Autobind feature")
    require(bind(listener, reinterpret_cast<sockaddr*>(&any), sizeof any.sun_family) == 0 &&
            listen(listener, 64) == 0);
    socklen_t length = sizeof address_;
    require(getsockname(listener, reinterpret_cast<sockaddr*>(&address_), &length) == 0);
    address_length_ = length;
    require(exchange_->watch(kListener, 1, listener, kWatchListener) == 0);
  }

  ~World() {
    for (const int peer : peers_) close(peer);
    for (const int client : clients_) close(client);
  }

  void run() {
    for (size_t step = 0; step < kMaxSteps && !input_.is_over(); step++) act(input_.below(6));
    shutdown(peers_[kStream], SHUT_WR);
    for (size_t round = 0; !done(); round++) {
      require(round < kMaxRounds + sent_);  // a wait may give a single byte
      wait();
    }
    require(given_ == sent_);
  }

 private:
  bool done() const {
    return ended_ && next_datagram_ == datagrams_.size() && accepted_ == clients_.size();
  }

  void act(size_t what) {
    std::array<uint8_t, 256> bytes;
    const size_t length = input_.byte();
    if (what == 0) return wait();
    if (what == 1) {
      for (size_t i = 0; i < length; i++) bytes[i] = static_cast<uint8_t>(sent_ + i);
      const ssize_t written = write(peers_[kStream], bytes.data(), length);
      if (written > 0) sent_ += static_cast<size_t>(written);
    } else if (what == 2) {
      bytes.fill(static_cast<uint8_t>(datagrams_.size()));
      if (send(peers_[kDatagrams], bytes.data(), length, 0) >= 0) datagrams_.push_back(length);
    } else if (what == 3 && clients_.size() < 32) {
      const int client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
      require(connect(client, reinterpret_cast<sockaddr*>(&address_), address_length_) == 0);
      clients_.push_back(client);
    } else {
      // A pause, whose end is no later than the end of the input.
      exchange_->set_receiving(static_cast<int32_t>(length % 3), false);
      wait();
      exchange_->set_receiving(static_cast<int32_t>(length % 3), true);
    }
  }

  void wait() {
    // Fresh memory each time: what a wait writes outside of it is found, and what it does not write
    // is not there.
    const auto slab = std::make_unique<uint8_t[]>(slab_);
    const auto records = std::make_unique<int32_t[]>(records_);
    Batch batch({slab.get(), slab_}, stream_bytes_, {records.get(), records_});
    require(exchange_->run(Outbox({}, {}, 0), batch, 0) == 0);
    std::vector<bool> used(slab_);
    const auto use = [&](int32_t offset, int32_t length) {
      require(offset >= 0 && length >= 0 &&
              static_cast<size_t>(offset) + static_cast<size_t>(length) <= slab_);
      for (int32_t i = offset; i < offset + length; i++) {
        require(!used[static_cast<size_t>(i)]);
        used[static_cast<size_t>(i)] = true;
      }
    };
    require(batch.count() * kRecordStride <= records_);
    for (size_t i = 0; i < batch.count(); i++) {
      const int32_t* record = records.get() + i * kRecordStride;
      const int32_t a = record[3];
      const int32_t b = record[4];
      require(record[2] == 1);
      switch (record[0]) {
        case kKindReceived:
          require(record[1] == kStream && b > 0 && !ended_);
          use(a, b);
          for (int32_t at = 0; at < b; at++)
            require(slab[static_cast<size_t>(a + at)] == static_cast<uint8_t>(given_++));
          break;
        case kKindEnded:
          require(record[1] == kStream && !ended_);
          ended_ = true;
          break;
        case kKindDatagram: {
          require(record[1] == kDatagrams && next_datagram_ < datagrams_.size());
          const size_t length = datagrams_[next_datagram_];
          constexpr auto kAddressBytes = static_cast<int32_t>(sizeof(PackedAddress));
          use(a - kAddressBytes, kAddressBytes + b);
          require(static_cast<size_t>(b) == std::min(length, max_datagram_) &&
                  record[5] == (length > max_datagram_ ? 1 : 0));
          for (int32_t at = 0; at < b; at++)
            require(slab[static_cast<size_t>(a + at)] == static_cast<uint8_t>(next_datagram_));
          next_datagram_++;
          break;
        }
        case kKindAccepted:
          require(record[1] == kListener);
          use(b, sizeof(PackedAddress));
          require(close(a) == 0);
          accepted_++;
          break;
        default:
          require(false);
      }
    }
  }

  Input& input_;
  size_t max_datagram_;
  size_t stream_bytes_;
  size_t slab_;
  size_t records_;
  std::unique_ptr<Exchange> exchange_;
  std::array<int, 2> peers_{};
  std::vector<int> clients_;
  sockaddr_un address_{};
  socklen_t address_length_ = 0;
  size_t sent_ = 0;
  size_t given_ = 0;
  std::vector<size_t> datagrams_;  // their lengths
  size_t next_datagram_ = 0;
  size_t accepted_ = 0;
  bool ended_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  World(input).run();
  return 0;
}
