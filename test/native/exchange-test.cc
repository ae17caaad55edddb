// native/windows/ over a kernel that is a program: in random order sockets come, send, are closed
// or given to another exchange, and exchanges end with operations pending. Nothing may be freed too
// early, twice, or never. Run under AddressSanitizer and LeakSanitizer. Arguments: how many rounds,
// the first seed. A failure names its seed.

#include "../../native/contract/exchange.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

#include "../../native/contract/socket.h"
#include "../../native/contract/waker.h"
#include "../../native/windows/loop_watch.h"
#include "../../native/windows/operations.h"
#include "../../native/windows/socket_modes.h"
#include "kernel.h"
#include "promises.h"

// Of sanitizer/allocator_interface.h, which comes with clang only.
extern "C" size_t __sanitizer_get_current_allocated_bytes();

// What stands in for native/windows/socket.cc and loop_watch.cc, of which no memory depends.
namespace pollport {

Result describe_socket(Handle) { return 0; }
Result set_non_blocking(Handle handle, bool on) {
  kernel::remember(static_cast<SOCKET>(handle), on);
  return 0;
}
void report_unreachable(SOCKET, bool) {}
void share_ports(SOCKET) {}
void make_abortive(SOCKET socket) { kernel::make_abortive(socket); }
int32_t as_lingering_says(SOCKET, int32_t how) { return how; }
void close_and_forget(UniqueSocket& socket) {
  kernel::remember(socket.get(), false);
  socket.reset();
}
Result open_loop_watch(Iocp&, std::function<void()>, std::unique_ptr<LoopWatch>&) { return -1; }

}  // namespace pollport

namespace {

using namespace pollport;
using kernel::one_in;
using kernel::upto;

void close(SOCKET number) {
  UniqueSocket socket(number);
  close_and_forget(socket);
}

struct Known {
  int32_t generation;
  int32_t kind;  // one of kWatch…

  bool is_connection() const { return kind == kWatchConnection; }
  bool is_datagram() const {
    return kind == kWatchDatagram || kind == kWatchDatagramReportingErrors;
  }
};

constexpr size_t kMaxDatagram = 1500;
constexpr PackedAddress kSomewhere{4, 0, 9, 0, {127, 0, 0, 1}};

size_t records_seen = 0;

// One exchange, and the sockets of it that a program would know.
class Program {
 public:
  bool start() {
    // Once and for all, so that what grows is not the test's.
    outbox_bytes_.reserve(200'000);
    sends_.reserve(4096);
    if (create_exchange(exchange_) < 0) return false;
    exchange_->set_limits(
        {1 + upto(32), 1 + upto(8192), kMaxDatagram, 1 + static_cast<int32_t>(upto(8))});
    return true;
  }

  void step(std::vector<SOCKET>& homeless) {
    switch (upto(12)) {
      case 0:
        return watch(kernel::open_listener(), kWatchListener, homeless);
      case 1:
        return watch(kernel::open_connection(), kWatchConnection, homeless);
      case 2:
        return watch(kernel::open_datagrams(),
                     one_in(2) ? kWatchDatagram : kWatchDatagramReportingErrors, homeless);
      case 3:
        return connect();
      case 4:
        return release(homeless);
      case 5:
      case 6:
        return send();
      case 7:
        if (!known_.empty()) static_cast<void>(exchange_->set_receiving(any(), one_in(2)));
        return;
      case 8:
        if (!homeless.empty()) {
          const SOCKET socket = homeless.back();
          homeless.pop_back();
          watch(socket, kWatchConnection, homeless);
        }
        return;
      case 9:
        static_cast<void>(wake_by_number(exchange_->waker_number()));
        return;
      default:
        return run(homeless);
    }
  }

  // Closes every socket, and lets all end that is under way.
  void rest(std::vector<SOCKET>& homeless) {
    while (!known_.empty()) release(homeless);
    for (const SOCKET socket : homeless) close(socket);
    homeless.clear();
    while (kernel::pending_operations() > 0) kernel::work();
    std::vector<int32_t> records(static_cast<size_t>(kRecordStride) * 64);
    // What had no room in a batch is not at the port any more: some runs more.
    for (int quiet = 0; quiet < 50; quiet++) {
      std::vector<uint8_t> slab(64 * 1024);
      Batch batch(slab, slab.size() / 2, records);
      static_cast<void>(exchange_->run(Outbox({}, {}, 0), batch, 0));
      if (kernel::waiting_packets() > 0) quiet = 0;
    }
  }

 private:
  int32_t any() {
    auto at = known_.begin();
    std::advance(at, upto(static_cast<uint32_t>(known_.size())));
    return at->first;
  }

  // Now and then a slot that was used before, with a new generation.
  int32_t free_index() {
    int32_t index = static_cast<int32_t>(upto(8));
    while (known_.count(index) > 0) index++;
    return index;
  }

  void watch(SOCKET socket, int32_t kind, std::vector<SOCKET>& homeless) {
    if (kind == kWatchConnection && one_in(4)) kernel::bind_to_a_strange_port(socket);
    const int32_t index = free_index();
    const int32_t generation = ++generations_;
    if (exchange_->watch(index, generation, static_cast<Handle>(socket), kind) < 0)
      return homeless.push_back(socket);
    known_[index] = {generation, kind == kWatchAccepted ? kWatchConnection : kind};
  }

  void connect() {
    UniqueSocket socket;
    if (open_overlapped_socket(false, false, socket) < 0) return;
    const int32_t index = free_index();
    const int32_t generation = ++generations_;
    const Result result =
        exchange_->connect(index, generation, static_cast<Handle>(socket.get()), kSomewhere);
    if (result < 0 && result != kWouldBlock) return;
    socket.release();
    known_[index] = {generation, kWatchConnecting};
  }

  void release(std::vector<SOCKET>& homeless) {
    if (known_.empty()) return;
    const int32_t index = any();
    // Only connections are given away.
    const auto how = static_cast<int32_t>(known_[index].is_connection() ? upto(3) : 1 + upto(2));
    const Result result = exchange_->release(index, how);
    known_.erase(index);
    if (how == kReleaseDetach && result > 0) homeless.push_back(static_cast<SOCKET>(result));
  }

  void send() {
    if (known_.empty()) return;
    const int32_t index = any();
    const std::vector<uint8_t> bytes(1 + upto(one_in(8) ? 200'000 : 2000), 's');
    if (known_[index].is_datagram()) {
      static_cast<void>(exchange_->send_datagram(
          index, std::span(bytes).first(std::min(bytes.size(), kMaxDatagram)), kSomewhere));
    } else if (known_[index].is_connection()) {
      static_cast<void>(exchange_->send(index, bytes));
    }
  }

  // Chains of sends, for a few sockets.
  void fill_outbox() {
    outbox_bytes_.assign(sizeof kSomewhere + upto(100'000), 'o');
    std::memcpy(outbox_bytes_.data(), &kSomewhere, sizeof kSomewhere);
    sends_.clear();
    for (uint32_t chains = upto(3); chains > 0 && !known_.empty(); chains--) {
      const int32_t index = any();
      const uint32_t length = 1 + upto(70);
      for (uint32_t at = 0; at < length; at++) {
        const auto position = static_cast<int32_t>(sends_.size() / kOutboxStride);
        const auto offset = static_cast<int32_t>(upto(static_cast<uint32_t>(outbox_bytes_.size())));
        const auto most =
            static_cast<uint32_t>(outbox_bytes_.size()) - static_cast<uint32_t>(offset) + 1;
        const auto bytes = static_cast<int32_t>(upto(std::min<uint32_t>(most, 1400)));
        const int32_t next = at + 1 < length ? position + 1 : -1;
        for (const int32_t number : {at == 0 ? index : kSendChained, offset, bytes, next, 0})
          sends_.push_back(number);
      }
    }
  }

  void run(std::vector<SOCKET>& homeless) {
    fill_outbox();
    const Outbox outbox(outbox_bytes_, sends_, static_cast<int32_t>(sends_.size() / kOutboxStride));
    // As small as it may be, so that batches are full.
    std::vector<uint8_t> slab(4096 + upto(20'000) + 4 * (kMaxDatagram + sizeof(PackedAddress)));
    std::vector<int32_t> records(static_cast<size_t>(kRecordStride) * (4 + upto(64)));
    Batch batch(slab, 4096, records);
    if (exchange_->run(outbox, batch, one_in(2) ? 0 : upto(40)) < 0) return;
    for (size_t at = 0; at < batch.count(); at++)
      told(records.data() + at * kRecordStride, slab, homeless);
  }

  void told(const int32_t* record, const std::vector<uint8_t>& slab,
            std::vector<SOCKET>& homeless) {
    records_seen++;
    const int32_t kind = record[0];
    const int32_t index = record[1];
    if (kind == kKindAccepted) {
      const auto socket = static_cast<SOCKET>(record[3]);
      if (one_in(3)) return homeless.push_back(socket);
      return watch(socket, kWatchAccepted, homeless);
    }
    const auto found = known_.find(index);
    if (found == known_.end() || found->second.generation != record[2]) {
      // Only of a socket that is not there any more may nothing be told, but for the waker's.
      if (kind == kKindWoken) return;
      std::fprintf(stderr,
                   "a record of kind %d tells of socket %d of generation %d, which is gone\n", kind,
                   index, record[2]);
      std::abort();
    }
    if (kind == kKindConnected && record[3] == 0) found->second.kind = kWatchConnection;
    if (kind == kKindReceived || kind == kKindDatagram) {
      const auto begin = static_cast<size_t>(record[3]);
      const auto length = static_cast<size_t>(record[4]);
      if (begin + length > slab.size()) std::abort();
      for (size_t i = 0; i < length; i++) {
        if (slab[begin + i] != 'k') {
          std::fprintf(stderr,
                       "a byte that the kernel has not written was given out as received\n");
          std::abort();
        }
      }
    }
  }

  std::unique_ptr<Exchange> exchange_;
  std::map<int32_t, Known> known_;
  std::vector<uint8_t> outbox_bytes_;
  std::vector<int32_t> sends_;
  int32_t generations_ = 0;
};

void round(uint32_t seed) {
  kernel::random_numbers.seed(seed);
  kernel::refusals = one_in(2) ? 0 : 10 + upto(200);
  std::vector<SOCKET> homeless;
  {
    std::vector<std::unique_ptr<Program>> programs;
    for (uint32_t steps = 100 + upto(900); steps > 0; steps--) {
      if (programs.size() < 2 || one_in(300)) {
        auto program = std::make_unique<Program>();
        if (program->start()) programs.push_back(std::move(program));
      }
      if (programs.empty()) continue;
      programs[upto(static_cast<uint32_t>(programs.size()))]->step(homeless);
      for (uint32_t work = upto(4); work > 0; work--) kernel::work();
      if (one_in(50)) kernel::post_a_strangers();
      if (one_in(200))
        programs.erase(programs.begin() + upto(static_cast<uint32_t>(programs.size())));
    }
  }
  for (const SOCKET socket : homeless) close(socket);
  kernel::end_everything();
  const kernel::Held held = kernel::held();
  if (held.sockets + held.events + held.ports == 0) return;
  std::fprintf(stderr, "left open: %zu sockets, %zu events, %zu ports\n", held.sockets, held.events,
               held.ports);
  std::abort();
}

// What sockets needed is given back while their exchange lives on, not only with it: after each of
// several lives memory is what it was. A table may find a larger size now and then; a leak grows in
// most of them.
void long_life(uint32_t seed) {
  constexpr int kLives = 24;
  constexpr int kMostGrowths = 6;
  kernel::random_numbers.seed(seed);
  kernel::refusals = 100;
  std::vector<SOCKET> homeless;
  Program program;
  while (!program.start()) {
  }
  size_t before = 0;
  int growths = 0;
  for (int life = 0; life < kLives; life++) {
    for (int steps = 0; steps < 400; steps++) {
      program.step(homeless);
      kernel::work();
    }
    program.rest(homeless);
    const size_t now = __sanitizer_get_current_allocated_bytes();
    // In the first half everything finds its size.
    if (life >= kLives / 2 && now > before) growths++;
    before = now;
  }
  if (growths <= kMostGrowths) return;
  std::fprintf(stderr, "memory grew in %d of the last %d lives of an exchange\n", growths,
               kLives / 2);
  std::abort();
}

}  // namespace

int main(int count, char** arguments) {
  const auto rounds = static_cast<uint32_t>(count > 1 ? std::atoi(arguments[1]) : 200);
  const auto first = static_cast<uint32_t>(count > 2 ? std::atoi(arguments[2]) : 1);
  kernel::start();
  if (count > 1 && std::strcmp(arguments[1], "errors") == 0) {
    print_errors();
    return 0;
  }
  keep_promises();
  for (uint32_t seed = first; seed < first + rounds; seed++) {
    if (std::getenv("POLLPORT_SHOW_SEEDS") != nullptr) std::fprintf(stderr, "seed %u\n", seed);
    round(seed);
    raw_operations(seed);
    if (seed % 20 == 0) long_life(seed);
  }
  std::printf("%u rounds, %zu records, %zu operations left to the system\n", rounds, records_seen,
              kernel::left_to_the_system());
  return 0;
}
