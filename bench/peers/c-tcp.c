// The yardstick: what a C programmer writes on epoll, with accept4, recv and send, and nothing
// clever. With --ring a batch's sends leave in one io_uring_enter, with `--ring both` its receives
// come in another.
//   c-tcp echo|sink|source|fanout|tick [--bytes B] [--each K] [--hz H] [--ring sends|both]
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "ring.h"

enum { kBatch = 1024, kBufferBytes = 65536, kMostConnections = 65536, kStateBytes = 64, kMostHz = 1000, kShareBytes = 1024 };

struct connection {
  bool is_open;
  uint32_t slot;      // its place in `open_fds`
  int received;       // sink: of the message that is coming in
  const uint8_t* sending;  // in the ring, as long as it is not run
  size_t sending_bytes;
  uint8_t* pending;   // what the system did not take yet; NULL as long as it takes everything
  size_t pending_bytes, pending_offset;
};

static struct connection connections[kMostConnections];  // by descriptor
static int open_fds[kMostConnections];
static uint32_t open_count;
static uint8_t buffer[kBufferBytes];
static uint8_t message[kBufferBytes];
static int bytes = 64, each = 1, hz = 0;
// A tick's server echoes as well.
static enum { kEcho, kSink, kSource, kFanOut } role;
static int epoll;
static bool ring_sends, ring_receives;
// What a batch received, until its sends have left.
static uint8_t batch_buffer[kBatch * kShareBytes];
static size_t batch_used;

static void fail(const char* what) {
  perror(what);
  exit(1);
}

static int64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static void drop(int fd) {
  struct connection* connection = &connections[fd];
  uint32_t slot = connection->slot;
  open_fds[slot] = open_fds[--open_count];
  connections[open_fds[slot]].slot = slot;
  free(connection->pending);
  *connection = (struct connection){0};
  close(fd);
}

static void watch(int fd, int operation, uint32_t mask) {
  struct epoll_event event = {.events = mask, .data.fd = fd};
  if (epoll_ctl(epoll, operation, fd, &event) != 0) fail("epoll_ctl");
}

// What the system does not take is kept, and nothing more is read from that peer until it is gone.
static void keep_rest(int fd, const uint8_t* data, size_t length, ssize_t sent, int error) {
  if (sent == (ssize_t)length) return;
  if (sent < 0 && error != EAGAIN) return drop(fd);
  size_t taken = sent < 0 ? 0 : (size_t)sent;
  struct connection* connection = &connections[fd];
  connection->pending_bytes = length - taken;
  connection->pending_offset = 0;
  connection->pending = malloc(connection->pending_bytes);
  if (connection->pending == NULL) fail("malloc");
  memcpy(connection->pending, data + taken, connection->pending_bytes);
  watch(fd, EPOLL_CTL_MOD, EPOLLOUT);
}

static void on_sent(uint64_t fd, int result) {
  struct connection* connection = &connections[fd];
  const uint8_t* data = connection->sending;
  connection->sending = NULL;
  keep_rest((int)fd, data, connection->sending_bytes, result, -result);
}

static void send_all(int fd, const uint8_t* data, size_t length) {
  if (!ring_sends) {
    ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);
    return keep_rest(fd, data, length, sent, errno);
  }
  if (ring.count == kRingCalls || connections[fd].sending != NULL) ring_run(on_sent);
  if (!connections[fd].is_open || connections[fd].pending != NULL) return;
  connections[fd].sending = data;
  connections[fd].sending_bytes = length;
  ring_add(IORING_OP_SEND, fd, data, length, (uint64_t)fd);
}

static void send_pending(int fd) {
  struct connection* connection = &connections[fd];
  ssize_t sent = send(fd, connection->pending + connection->pending_offset, connection->pending_bytes - connection->pending_offset, MSG_NOSIGNAL);
  if (sent < 0 && errno == EAGAIN) return;
  if (sent < 0) return drop(fd);
  connection->pending_offset += (size_t)sent;
  if (connection->pending_offset < connection->pending_bytes) return;
  free(connection->pending);
  connection->pending = NULL;
  watch(fd, EPOLL_CTL_MOD, EPOLLIN);
}

static void accept_all(int listener) {
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && errno == EAGAIN) return;
    if (fd < 0) fail("accept4");
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connections[fd] = (struct connection){.is_open = true, .slot = open_count};
    open_fds[open_count++] = fd;
    watch(fd, EPOLL_CTL_ADD, EPOLLIN);
  }
}

static void fan_out(int control) {
  for (uint32_t i = 0; i < open_count; i++) {
    if (open_fds[i] == control) continue;
    for (int n = 0; n < each; n++) send_all(open_fds[i], message, (size_t)bytes);
  }
}

// One byte back says that the whole message is here.
static void sink(int fd, int received) {
  struct connection* connection = &connections[fd];
  connection->received += received;
  if (connection->received < bytes) return;
  connection->received -= bytes;
  send_all(fd, message, 1);
}

static void handle(int fd, const uint8_t* data, ssize_t received, int error) {
  if (received < 0 && error == EAGAIN) return;
  if (received <= 0) return drop(fd);
  switch (role) {
    case kFanOut: return fan_out(fd);
    case kSink: return sink(fd, (int)received);
    case kSource: return send_all(fd, message, (size_t)bytes);
    default: return send_all(fd, data, (size_t)received);
  }
}

static void receive(int fd) {
  if (!ring_sends) {
    ssize_t received = recv(fd, buffer, sizeof buffer, 0);
    return handle(fd, buffer, received, errno);
  }
  // A message must stay where it is until it has left.
  if (batch_used + kShareBytes > sizeof batch_buffer) {
    ring_run(on_sent);
    batch_used = 0;
  }
  ssize_t received = recv(fd, batch_buffer + batch_used, kShareBytes, 0);
  uint8_t* data = batch_buffer + batch_used;
  if (received > 0) batch_used += (size_t)received;
  handle(fd, data, received, errno);
}

static int received_by[kRingCalls], received_bytes[kRingCalls];
static unsigned received_count;

static void on_received(uint64_t fd, int result) {
  received_by[received_count] = (int)fd;
  received_bytes[received_count++] = result;
}

// Each gets its share of the buffer.
static void receive_together(const int* fds, unsigned count) {
  received_count = 0;
  for (unsigned i = 0; i < count; i++) ring_add(IORING_OP_RECV, fds[i], batch_buffer + i * kShareBytes, kShareBytes, (uint64_t)fds[i]);
  ring_run(on_received);
  for (unsigned i = 0; i < received_count; i++) handle(received_by[i], batch_buffer + i * kShareBytes, received_bytes[i], -received_bytes[i]);
  ring_run(on_sent);
}

// ---- ticks

static double late_ms[kMostHz];
static int ticks, missed;

// Once a second, as peers/lateness.mjs does it.
static void tell_lateness(void) {
  printf("lateness {\"missed\":%d,\"lateMs\":[", missed);
  for (int i = 0; i < ticks; i++) printf("%s%.4f", i == 0 ? "" : ",", late_ms[i]);
  printf("]}\n");
  fflush(stdout);
  ticks = missed = 0;
}

// Ticks come at start + n / hz; one that is over when its time comes again is missed.
static int64_t tick(int64_t due, int64_t interval) {
  int64_t now = now_ns();
  if (now < due) return due;
  late_ms[ticks++] = (double)(now - due) / 1e6;
  for (uint32_t i = 0; i < open_count; i++) send_all(open_fds[i], message, kStateBytes);
  if (ring_sends) ring_run(on_sent);
  if (ticks == hz) tell_lateness();
  for (due += interval; due + interval <= now; due += interval) missed++;
  return due;
}

int main(int argc, char** argv) {
  static const struct option known[] = {{"bytes", 1, 0, 'b'}, {"each", 1, 0, 'e'}, {"hz", 1, 0, 'h'}, {"ring", 1, 0, 'r'}, {0, 0, 0, 0}};
  if (argc < 2) return 2;
  if (strcmp(argv[1], "sink") == 0) role = kSink;
  if (strcmp(argv[1], "source") == 0) role = kSource;
  if (strcmp(argv[1], "fanout") == 0) role = kFanOut;
  for (int name; (name = getopt_long(argc - 1, argv + 1, "", known, NULL)) != -1;) {
    if (name == 'b') bytes = atoi(optarg);
    if (name == 'e') each = atoi(optarg);
    if (name == 'h') hz = atoi(optarg);
    if (name == 'r') {
      ring_sends = true;
      ring_receives = strcmp(optarg, "both") == 0;
    }
  }
  if (ring_sends) ring_open();
  if (bytes > kBufferBytes) bytes = kBufferBytes;
  if (hz > kMostHz) return 2;
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);

  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t length = sizeof address;
  if (bind(listener, (struct sockaddr*)&address, length) != 0 || listen(listener, 4096) != 0) fail("listen");
  getsockname(listener, (struct sockaddr*)&address, &length);
  epoll = epoll_create1(EPOLL_CLOEXEC);
  watch(listener, EPOLL_CTL_ADD, EPOLLIN);
  printf("port %d\n", ntohs(address.sin_port));
  fflush(stdout);

  int64_t interval = hz > 0 ? 1000000000 / hz : 0;
  int64_t due = now_ns() + interval;
  for (;;) {
    static struct epoll_event events[kBatch];
    struct timespec timeout, *until = NULL;
    if (hz > 0) {
      due = tick(due, interval);
      int64_t left = due - now_ns();
      if (left < 0) left = 0;
      timeout = (struct timespec){.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
      until = &timeout;
    }
    int count = epoll_pwait2(epoll, events, kBatch, until, NULL);
    if (count < 0 && errno != EINTR) fail("epoll_pwait2");
    int together[kRingCalls];
    unsigned together_count = 0;
    for (int i = 0; i < count; i++) {
      int fd = events[i].data.fd;
      if (fd == listener) accept_all(listener);
      else if (!connections[fd].is_open) continue;  // dropped earlier in this batch
      else if (connections[fd].pending != NULL) send_pending(fd);
      else if (!ring_receives) receive(fd);
      else {
        together[together_count++] = fd;
        if (together_count == kRingCalls) {
          receive_together(together, together_count);
          together_count = 0;
        }
      }
    }
    if (together_count > 0) receive_together(together, together_count);
    if (ring_sends) ring_run(on_sent);
    batch_used = 0;
  }
}
