// Promises about native/windows/ that a system keeps or breaks in one certain moment: it has no
// memory just then, or ends a cancelled operation late, or takes a part of a send. And the raw
// floor's way with operations.

#include "promises.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <set>
#include <vector>

#include "../../native/contract/exchange.h"
#include "../../native/contract/waker.h"
#include "../../native/windows/iocp.h"
#include "../../native/windows/operations.h"
#include "../../native/windows/overlapped_pool.h"
#include "../../native/windows/status.h"
#include "kernel.h"

// Of sanitizer/allocator_interface.h, which comes with clang only.
extern "C" size_t __sanitizer_get_current_allocated_bytes();

namespace {

using namespace pollport;
using kernel::one_in;
using kernel::upto;

constexpr size_t kMaxDatagram = 1500;
constexpr int32_t kIndex = 3;
constexpr int32_t kGeneration = 7;
constexpr size_t kPosted = 32;

void expect(bool kept, const char* promise) {
  if (kept) return;
  std::fprintf(stderr, "not kept: %s\n", promise);
  std::abort();
}

struct Record {
  int32_t kind, index, generation, a, b, c;
};

// One exchange with one socket, in a system that does what it is told.
class Scene {
 public:
  Scene() {
    kernel::will = {};
    kernel::will.is_certain = true;
    expect(create_exchange(exchange_) == 0, "an exchange can be made");
    exchange_->set_limits({64, 64 * 1024, kMaxDatagram, 64});
  }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;
  ~Scene() {
    exchange_.reset();
    kernel::end_everything();
    const kernel::Held held = kernel::held();
    expect(held.sockets + held.events + held.ports + held.fine_timers == 0, "nothing is left open");
    kernel::will = {};
  }

  Exchange& exchange() { return *exchange_; }
  void watch(SOCKET socket, int32_t kind) {
    expect(exchange_->watch(kIndex, kGeneration, static_cast<Handle>(socket), kind) == 0,
           "a socket can be watched");
  }
  std::vector<Record> run(double timeout_ms, const Outbox& outbox = Outbox({}, {}, 0)) {
    Batch batch(slab_, slab_.size() / 2, numbers_);
    expect(exchange_->run(outbox, batch, timeout_ms) == 0, "a wait ends well");
    std::vector<Record> records(batch.count());
    if (!records.empty())
      std::memcpy(records.data(), numbers_.data(), records.size() * sizeof(Record));
    return records;
  }

 private:
  std::unique_ptr<Exchange> exchange_;
  std::vector<uint8_t> slab_ = std::vector<uint8_t>(1 << 20);
  std::vector<int32_t> numbers_ = std::vector<int32_t>(size_t{256} * kRecordStride);
};

size_t count_of(const std::vector<Record>& records, int32_t kind) {
  size_t count = 0;
  for (const Record& record : records) count += record.kind == kind ? 1 : 0;
  return count;
}

// closesocket() over a receive would send a reset: the kernel ends the process for that.
void a_close_cancels_the_receive_first() {
  Scene scene;
  const SOCKET socket = kernel::open_connection();
  scene.watch(socket, kWatchConnection);
  expect(kernel::pending_operations(socket) == 1, "a connection waits for data");
  scene.exchange().release(kIndex, kReleaseClose);
  expect(!kernel::is_open(socket), "a close takes effect at once");
}

void a_close_waits_for_the_end_of_the_receive() {
  Scene scene;
  const SOCKET socket = kernel::open_connection();
  scene.watch(socket, kWatchConnection);
  kernel::will.cancels_late = true;
  scene.exchange().release(kIndex, kReleaseClose);
  expect(kernel::is_open(socket),
         "a connection is not closed before the system is done with its receive");
  scene.run(0);
  expect(kernel::is_open(socket), "nor by a wait");
  kernel::end_operations_of(socket);
  scene.run(0);
  expect(!kernel::is_open(socket), "but then");
}

void an_exchange_that_ends_closes_all() {
  SOCKET late = 0;
  {
    Scene scene;
    late = kernel::open_connection();
    scene.watch(late, kWatchConnection);
    kernel::will.cancels_late = true;
  }
  expect(!kernel::is_open(late), "whatever the system still holds, the socket is closed");
}

void a_reset_waits_for_nothing() {
  Scene scene;
  const SOCKET socket = kernel::open_connection();
  scene.watch(socket, kWatchConnection);
  kernel::will.cancels_late = true;
  scene.exchange().release(kIndex, kReleaseReset);
  expect(!kernel::is_open(socket), "a reset takes effect at once");
}

void the_first_tick_is_in_time() {
  Scene scene;
  scene.run(0);
  scene.run(1000);
  expect(kernel::held().fine_timers == 0, "looking and long waits cost no power");
  kernel::will.when_idle = [] {
    expect(kernel::held().fine_timers == 1, "a tick is waited for with a fine timer");
  };
  scene.run(50);
  scene.run(50);
  expect(kernel::held().fine_timers == 1, "which is asked for once");
}

void a_datagram_socket_hears_again() {
  Scene scene;
  const SOCKET socket = kernel::open_datagrams();
  scene.watch(socket, kWatchDatagram);
  expect(kernel::pending_operations(socket) == kPosted, "a datagram socket has its receives");
  kernel::will.refuses_operations = true;
  kernel::end_operations_of(socket);
  const std::vector<Record> first = scene.run(0);
  expect(count_of(first, kKindDatagram) == kPosted, "what came before is given out");
  expect(count_of(first, kKindFailed) == 1 && first.back().kind != kKindDatagram,
         "that memory has run out is told once");
  expect(kernel::pending_operations(socket) == 0, "no receive is left");
  expect(scene.run(500).empty(), "and not again while it lasts");
  // Memory comes back while the program waits for ever, and then a datagram.
  int idle = 0;
  kernel::will.when_idle = [&] {
    idle++;
    if (idle == 3) kernel::will.refuses_operations = false;
    if (idle > 3) kernel::end_operations_of(socket);
  };
  expect(count_of(scene.run(-1), kKindDatagram) > 0,
         "a datagram socket hears again as soon as there is memory");
  expect(kernel::pending_operations(socket) > 0, "and goes on");
}

void a_connection_lives_without_memory_for_its_receive() {
  Scene scene;
  const SOCKET socket = kernel::open_connection();
  kernel::will.refuses_operations = true;
  scene.watch(socket, kWatchConnection);
  scene.run(0);
  int idle = 0;
  kernel::will.when_idle = [&] {
    if (++idle == 3) kernel::bring(socket, 100);
  };
  const std::vector<Record> records = scene.run(-1);
  expect(count_of(records, kKindReceived) == 1 && records.size() == 1,
         "data is received while no receive can be posted");
  kernel::will.refuses_operations = false;
  kernel::will.when_idle = {};
  scene.run(100);
  expect(kernel::pending_operations(socket) == 1, "and a receive is posted as soon as it can be");
}

void a_packet_that_cannot_be_posted_is_made_good() {
  Scene scene;
  const SOCKET socket = kernel::open_datagrams();
  scene.watch(socket, kWatchDatagram);
  scene.exchange().set_receiving(kIndex, false);
  kernel::end_operations_of(socket);
  expect(scene.run(0).empty(), "a socket that is paused gives nothing");
  kernel::will.refuses_posts = true;
  scene.exchange().set_receiving(kIndex, true);
  expect(count_of(scene.run(100), kKindDatagram) == kPosted,
         "a socket that goes on gives what it has, also without memory for a packet");
}

// Of a socket that has another port for life each completion is a packet of our own.
void an_end_that_cannot_be_posted_is_told_later() {
  Scene scene;
  const SOCKET socket = kernel::open_connection();
  kernel::bind_to_a_strange_port(socket);
  scene.watch(socket, kWatchConnection);
  kernel::will.refuses_posts = true;
  kernel::end_operations_of(socket, STATUS_CONNECTION_RESET);
  int idle = 0;
  kernel::will.when_idle = [&] {
    if (++idle == 3) kernel::will.refuses_posts = false;
  };
  std::vector<Record> records;
  for (int waits = 0; waits < 10 && count_of(records, kKindFailed) == 0; waits++)
    records = scene.run(10);
  expect(idle == 3 && count_of(records, kKindFailed) == 1,
         "the end of an operation is told as soon as there is memory for its packet");
}

void a_wake_that_cannot_be_posted_is_reported() {
  Scene scene;
  const int64_t number = scene.exchange().waker_number();
  kernel::will.refuses_posts = true;
  expect(wake_by_number(number) == -static_cast<Result>(ERROR_NOT_ENOUGH_MEMORY),
         "a wake that wakes nobody is an error");
  expect(wake_by_number(number) == -static_cast<Result>(ERROR_NOT_ENOUGH_MEMORY), "each time");
  kernel::will.refuses_posts = false;
  expect(wake_by_number(number) == 1, "and the next one is tried");
  expect(count_of(scene.run(-1), kKindWoken) == 1, "and wakes");
}

void a_send_without_memory_goes_on_later() {
  Scene scene;
  const SOCKET socket = kernel::open_connection();
  scene.watch(socket, kWatchConnection);
  scene.run(0);
  const std::vector<uint8_t> bytes(1000, 's');
  kernel::will.takes = 400;
  kernel::will.refuses_operations = true;
  expect(scene.exchange().send(kIndex, bytes) == 400, "a send says what was taken");
  kernel::will.refuses_operations = false;
  const std::vector<Record> records = scene.run(1000);
  expect(count_of(records, kKindWritable) == 1 && count_of(records, kKindSendFailed) == 0,
         "and its connection may send again");
}

void a_short_rest_takes_little_memory() {
  constexpr size_t kMessage = 100;
  constexpr size_t kMost = 8 * 1024;
  Scene scene;
  const SOCKET socket = kernel::open_connection();
  scene.watch(socket, kWatchConnection);
  scene.run(0);
  std::vector<uint8_t> bytes(2 * kMessage, 'o');
  std::vector<int32_t> sends{kIndex, 0, kMessage, 1, 0, kSendChained, kMessage, kMessage, -1, 0};
  kernel::will.takes = 150;
  const size_t before = __sanitizer_get_current_allocated_bytes();
  const std::vector<Record> records = scene.run(0, Outbox(bytes, sends, 2));
  const size_t after = __sanitizer_get_current_allocated_bytes();
  expect(count_of(records, kKindSendShort) == 1 && records[0].a == 1 && records[0].b == 50,
         "what was cut is told");
  expect(after - before < kMost, "a rest of 50 bytes owns no buffer of 64 KiB");
}

// Its own name for a connection that this machine's TCP gave up is Windows' alone.
void an_aborted_connection_is_a_reset() {
  Scene scene;
  const SOCKET socket = kernel::open_connection();
  scene.watch(socket, kWatchConnection);
  kernel::end_operations_of(socket);
  scene.run(0);
  kernel::end_operations_of(socket, STATUS_CONNECTION_ABORTED);
  const std::vector<Record> records = scene.run(0);
  expect(count_of(records, kKindFailed) == 1 && records.back().a == WSAECONNRESET,
         "a receive that is aborted is ECONNRESET");
  kernel::will.send_error = WSAECONNABORTED;
  const std::vector<uint8_t> bytes(10, 's');
  expect(scene.exchange().send(kIndex, bytes) == -WSAECONNRESET, "and so is a send");
}

// Numbers as GetOverlappedResult gives them have no name for a program that knows sockets.
void completions_speak_winsocks_language() {
  expect(winsock_error(0xC000020A) == WSAEADDRINUSE, "STATUS_ADDRESS_ALREADY_EXISTS is no 52");
  expect(winsock_error(0xC0000207) == WSAEADDRNOTAVAIL,
         "STATUS_INVALID_ADDRESS_COMPONENT is no 1214");
  expect(winsock_error(0xC0000044) == WSAENOBUFS, "STATUS_QUOTA_EXCEEDED is no 1816");
  expect(winsock_error(STATUS_CONNECTION_RESET) == WSAECONNRESET,
         "STATUS_CONNECTION_RESET is no 64");
  expect(winsock_error(0xC0072746) == 10054, "a Win32 error in an NTSTATUS is itself");
  expect(winsock_error(0) == 0, "success is none");
  Operation operation;
  operation.Internal = STATUS_BUFFER_OVERFLOW;
  operation.InternalHigh = 4;
  finish(operation);
  expect(operation.bytes == 4 && is_truncation(operation.error),
         "a completion has its bytes beside a warning");
}

}  // namespace

void keep_promises() {
  a_close_cancels_the_receive_first();
  a_close_waits_for_the_end_of_the_receive();
  an_exchange_that_ends_closes_all();
  a_reset_waits_for_nothing();
  the_first_tick_is_in_time();
  a_datagram_socket_hears_again();
  a_connection_lives_without_memory_for_its_receive();
  a_packet_that_cannot_be_posted_is_made_good();
  an_end_that_cannot_be_posted_is_told_later();
  a_wake_that_cannot_be_posted_is_reported();
  a_send_without_memory_goes_on_later();
  a_short_rest_takes_little_memory();
  an_aborted_connection_is_a_reset();
  completions_speak_winsocks_language();
}

void raw_operations(uint32_t seed) {
  kernel::random_numbers.seed(seed);
  kernel::refusals = 20;
  constexpr size_t kBytes = 32;
  const SOCKET sockets[] = {kernel::open_datagrams(), kernel::open_connection()};
  std::unique_ptr<Iocp> iocp;
  while (Iocp::create(0, iocp) < 0) {
  }
  for (const SOCKET socket : sockets) {
    while (iocp->associate(socket, key_of(1, 1)) < 0) {
    }
  }
  {
    OverlappedPool pool;
    std::array<OVERLAPPED_ENTRY, 8> entries;
    for (uint32_t steps = 200; steps > 0 || pool.in_flight() > 0; steps -= steps > 0 ? 1 : 0) {
      if (steps > 0) {
        constexpr OperationKind kKinds[] = {OperationKind::kReceive, OperationKind::kReceiveFrom,
                                            OperationKind::kSend};
        const OperationKind kind = kKinds[upto(3)];
        Operation& operation = *pool.take(kind, sockets[upto(2)]);
        operation.length = kBytes;
        std::memset(operation.need_memory().reserve(kBytes), 'r', kBytes);
        const Result started = kind == OperationKind::kReceive       ? start_receive(operation)
                               : kind == OperationKind::kReceiveFrom ? start_receive_from(operation)
                                                                     : start_send(operation);
        if (started < 0) pool.give_back(&operation);
      }
      const Iocp::Waited waited = iocp->wait(entries, one_in(2) ? 0 : 10);
      for (Result i = 0; i < waited.count; i++) {
        Operation* operation = pool.find(entries[static_cast<size_t>(i)].lpOverlapped);
        expect(operation != nullptr && operation->in_flight,
               "each completion is of an operation that is in flight");
        operation->in_flight = false;
        finish(*operation);
        pool.give_back(operation);
      }
    }
  }
  for (const SOCKET socket : sockets) {
    kernel::remember(socket, false);
    closesocket(socket);
  }
}

void print_errors() {
  std::set<DWORD> errors;
  for (const uint32_t severity : {0u, 0x80000000u, 0xC0000000u}) {
    for (uint32_t code = 0; code <= 0xFFFF; code++) errors.insert(winsock_error(severity | code));
  }
  for (const DWORD error : errors) {
    if (error != 0) std::printf("%u\n", error);
  }
}
