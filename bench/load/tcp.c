// The TCP loads. With --websocket the messages are frames, after a handshake on each connection.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

enum { kBatch = 512, kBufferBytes = 256 * 1024, kMostDue = 4096, kSettleMs = 1000, kIdleWarmUp = 1000, kIdleRounds = 50, kOpenAtOnce = 100 };

struct connection {
  int fd;
  int64_t sent_at;
  int64_t received;  // of what is expected now
  int64_t unsent;    // of the message that is going out
  bool is_extra;     // rate: what is coming in is no echo
  enum { kConnecting, kShakingHands, kEchoing, kClosing } step;  // accept, of a WebSocket
  // rate: when the messages in flight were due, a ring
  int64_t* due;
  unsigned oldest_due, due_count;
};

static struct connection* connections;
static struct epoll_event events[kBatch];
static uint8_t buffer[kBufferBytes];
static uint8_t* message;
static int message_bytes;  // as it goes out
static int answer_bytes;   // of the same message when it comes from the server
static int epoll;
static uint64_t messages_in_flight = 1;  // on each connection

static void prepare(int count) {
  connections = calloc((size_t)count, sizeof *connections);
  epoll = epoll_create1(EPOLL_CLOEXEC);
  if (options.websocket) {
    message = websocket_message(options.bytes, &message_bytes);
    answer_bytes = websocket_answer_bytes(options.bytes);
  } else {
    message_bytes = answer_bytes = options.bytes;
    message = malloc((size_t)options.bytes);
    if (message != NULL) memset(message, kOurs, (size_t)options.bytes);
  }
  if (connections == NULL || message == NULL || epoll < 0) fail("prepare");
}

static int open_socket(void) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

// Edge-triggered, so that room in a send buffer is told once and a whole read needs no second
// one to see the end.
static void watch(int index) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.u32 = (uint32_t)index};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, connections[index].fd, &event) != 0) fail("epoll_ctl");
}

static void send_request(int fd) {
  ssize_t bytes = (ssize_t)strlen(websocket_request);
  if (send(fd, websocket_request, (size_t)bytes, MSG_NOSIGNAL) != bytes) fail("send");
}

// Blocks until the server has said that the connection is a WebSocket now.
static void await_switching(int fd) {
  int64_t received = 0;
  do {
    ssize_t more = recv(fd, buffer + received, sizeof buffer - (size_t)received, 0);
    if (more <= 0) fail("recv of the handshake");
    received += more;
  } while (websocket_head_bytes(buffer, received) == 0);
}

static void connect_some(int from, int to) {
  struct sockaddr_in address = server_address();
  for (int index = from; index < to; index++) {
    int fd = open_socket();
    if (connect(fd, (struct sockaddr*)&address, sizeof address) != 0) fail("connect");
    if (options.websocket) send_request(fd);
    connections[index].fd = fd;
  }
  for (int index = from; index < to; index++) {
    int fd = connections[index].fd;
    if (options.websocket) await_switching(fd);
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0) fail("O_NONBLOCK");
    watch(index);
  }
}

// Some at once, so that not each handshake is a round trip, and no server's backlog overflows.
static void open_connections(int from, int to) {
  for (int index = from; index < to; index += kOpenAtOnce)
    connect_some(index, index + kOpenAtOnce < to ? index + kOpenAtOnce : to);
}

static void send_rest(struct connection* connection) {
  while (connection->unsent > 0) {
    ssize_t sent = send(connection->fd, message + message_bytes - connection->unsent, (size_t)connection->unsent, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) fail("send");
    connection->unsent -= sent;
  }
}

// At most a message.
static void send_bytes(struct connection* connection, int64_t bytes) {
  connection->unsent = bytes;
  send_rest(connection);
}

static void send_message(struct connection* connection) { send_bytes(connection, message_bytes); }

// What begins an answer lies at the beginning of the buffer.
static void check_answer(const struct connection* connection, ssize_t received) {
  if (options.websocket && received > 0 && connection->received == 0)
    websocket_check_answer(buffer, received);
}

// 0 when there is nothing more for now.
static ssize_t receive(struct connection* connection) {
  ssize_t received = recv(connection->fd, buffer, sizeof buffer, 0);
  if (received < 0 && errno == EAGAIN) return 0;
  if (received < 0) fail("recv");
  if (received == 0) fail_with("the server closed a connection");
  return received;
}

static int wait_for_events(int timeout_ms) {
  int count = epoll_wait(epoll, events, kBatch, timeout_ms);
  if (count < 0) fail("epoll_wait");
  if (count == 0 && timeout_ms == kPatienceMs) fail_with("the server has been silent for too long");
  return count;
}

// Each connection of [from, to) sends one message and has it back: the server has seen all of them.
static void greet(int from, int to) {
  int left = to - from;
  for (int index = from; index < to; index++) {
    connections[index].received = 0;
    send_message(&connections[index]);
  }
  while (left > 0) {
    int count = wait_for_events(kPatienceMs);
    for (int i = 0; i < count; i++) {
      struct connection* connection = &connections[events[i].data.u32];
      send_rest(connection);
      for (ssize_t received; (received = receive(connection)) > 0;) {
        check_answer(connection, received);
        connection->received += received;
        if (connection->received == answer_bytes) left--;
      }
    }
  }
}

// ---- echo, sink and source: one message in flight on each connection

// Sends `request` bytes, and again when `answer` bytes have come back. One of the two is a
// message; so may both be.
static void converse(int64_t request, int64_t answer) {
  open_connections(0, options.connections);
  window_begin();
  int64_t now = now_ns();
  for (int index = 0; index < options.connections; index++) {
    connections[index].sent_at = now;
    send_bytes(&connections[index], request);
  }
  while (window_open(now)) {
    int count = wait_for_events(kPatienceMs);
    now = now_ns();
    for (int i = 0; i < count; i++) {
      struct connection* connection = &connections[events[i].data.u32];
      if (connection->unsent > 0) send_rest(connection);
      if (!(events[i].events & EPOLLIN)) continue;
      ssize_t received;
      do {
        received = receive(connection);
        check_answer(connection, received);
        connection->received += received;
        if (connection->received < answer) continue;
        connection->received = 0;
        count_messages(messages_in_flight);
        count_bytes((uint64_t)(request > answer ? request : answer));
        int64_t at = now_ns();
        record_latency(at - connection->sent_at);
        connection->sent_at = at;
        send_bytes(connection, request);
      } while (received == (ssize_t)sizeof buffer);
    }
  }
}

void load_echo(void) {
  prepare(options.connections);
  converse(message_bytes, answer_bytes);
}

// The server says with one byte that it has the whole message.
void load_sink(void) {
  prepare(options.connections);
  converse(message_bytes, 1);
}

// One byte asks for a message.
void load_source(void) {
  prepare(options.connections);
  converse(1, answer_bytes);
}

// ---- http: so many requests in flight on each connection, which is kept alive; or one, and the
// server closes it

// The length of one answer; all are of this length, since the server sends the same each time.
static int64_t length_of_answer(const char* request) {
  struct sockaddr_in address = server_address();
  int fd = open_socket();
  if (connect(fd, (struct sockaddr*)&address, sizeof address) != 0) fail("connect");
  if (send(fd, request, (size_t)options.bytes, MSG_NOSIGNAL) != options.bytes) fail("send");
  size_t received = 0;
  for (;;) {
    ssize_t more = recv(fd, buffer + received, sizeof buffer - 1 - received, 0);
    if (more <= 0) fail("recv");
    received += (size_t)more;
    buffer[received] = 0;
    const char* body = strstr((char*)buffer, "\r\n\r\n");
    const char* length = strcasestr((char*)buffer, "\r\nContent-Length: ");
    if (body == NULL) continue;
    if (length == NULL || length > body) fail_with("the answer has no Content-Length");
    close(fd);
    return body + 4 - (char*)buffer + atoi(length + strlen("\r\nContent-Length: "));
  }
}

void load_http(void) {
  static const char request[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: load\r\nAccept: */*\r\n\r\n";
  const int length = (int)strlen(request);
  options.bytes = length;
  const int64_t answer = length_of_answer(request);
  options.bytes = length * options.each;
  prepare(options.connections);
  for (int n = 0; n < options.each; n++) memcpy(message + n * length, request, (size_t)length);
  messages_in_flight = (uint64_t)options.each;
  converse(message_bytes, answer * options.each);
}

// ---- rate: so many messages a second, whatever the server does; latency counts from when a
// message was due

static void take_echoes(struct connection* connection, const uint8_t* data, ssize_t length, int64_t now) {
  while (length > 0) {
    if (connection->received == 0) connection->is_extra = options.ignore_extra && *data != kOurs;
    int64_t missing = options.bytes - connection->received;
    int64_t part = length < missing ? length : missing;
    connection->received += part;
    data += part;
    length -= part;
    if (connection->received < options.bytes) return;
    connection->received = 0;
    if (connection->is_extra) continue;
    if (connection->due_count == 0) fail_with("an echo that nobody asked for");
    record_latency(now - connection->due[connection->oldest_due]);
    connection->oldest_due = (connection->oldest_due + 1) % kMostDue;
    connection->due_count--;
    count_messages(1);
  }
}

void load_rate(void) {
  prepare(options.connections);
  open_connections(0, options.connections);
  for (int index = 0; index < options.active; index++) {
    connections[index].due = calloc(kMostDue, sizeof(int64_t));
    if (connections[index].due == NULL) fail("calloc");
  }
  window_begin();
  double interval_ns = 1e9 / options.rate;
  int64_t start = now_ns();
  int64_t now = start;
  for (uint64_t sent = 0; window_open(now); now = now_ns()) {
    for (int64_t due; (due = start + (int64_t)((double)sent * interval_ns)) <= now; sent++) {
      struct connection* connection = &connections[sent % (uint64_t)options.active];
      if (connection->due_count == kMostDue) fail_with("the server does not keep up with the rate");
      connection->due[(connection->oldest_due + connection->due_count++) % kMostDue] = due;
      if (connection->unsent > 0) fail_with("a small message was not taken whole");
      send_message(connection);
    }
    // Never sleeps: a generator that wakes up late would measure itself. It has its core for
    // itself.
    int count = wait_for_events(0);
    for (int i = 0; i < count; i++) {
      if (!(events[i].events & EPOLLIN)) continue;
      struct connection* connection = &connections[events[i].data.u32];
      ssize_t received;
      do {
        received = receive(connection);
        take_echoes(connection, buffer, received, now_ns());
      } while (received == (ssize_t)sizeof buffer);
    }
  }
}

// ---- fanout: a tick is asked for when the one before has reached everybody

void load_fanout(void) {
  int members = options.connections;
  prepare(members + 1);
  int64_t expected = (int64_t)answer_bytes * options.each;
  open_connections(0, members + 1);  // the last one controls
  struct connection* control = &connections[members];
  struct timespec settle = {0, 300 * 1000 * 1000};
  // Until the server has accepted everybody: who is not there gets nothing, and the tick never
  // ends.
  nanosleep(&settle, NULL);
  window_begin();
  int64_t now = now_ns();
  while (window_open(now)) {
    int64_t asked_at = now_ns();
    for (int index = 0; index < members; index++) connections[index].received = 0;
    send_message(control);
    for (int left = members; left > 0;) {
      int count = wait_for_events(kPatienceMs);
      for (int i = 0; i < count; i++) {
        if (!(events[i].events & EPOLLIN) || events[i].data.u32 == (uint32_t)members) continue;
        struct connection* connection = &connections[events[i].data.u32];
        ssize_t received;
        do {
          received = receive(connection);
          check_answer(connection, received);
          count_bytes((uint64_t)received);
          connection->received += received;
          if (received > 0 && connection->received == expected) {
            left--;
            count_messages((uint64_t)options.each);
            record_latency(now_ns() - asked_at);
          }
        } while (received == (ssize_t)sizeof buffer);
        if (connection->received > expected) fail_with("a member got more than a tick's messages");
      }
    }
    now = now_ns();
  }
}

// ---- accept: connect, one message, close, for ever; a WebSocket with both of its handshakes

// A closed connection keeps its pair of ports for a minute (TIME_WAIT), so each comes from
// another of 2,000 addresses of the loopback.
static void begin_connection(int index) {
  static uint32_t next;
  int fd = open_socket();
  if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0) fail("O_NONBLOCK");
  int on = 1;
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  uint32_t offset = next++ % 2000;
  struct sockaddr_in source = {.sin_family = AF_INET, .sin_addr = {htonl(0x7f000100 + ((offset / 200) << 8) + offset % 200 + 1)}};
  if (bind(fd, (struct sockaddr*)&source, sizeof source) != 0) fail("bind");
  struct sockaddr_in address = server_address();
  connections[index] = (struct connection){.fd = fd, .sent_at = now_ns()};
  if (connect(fd, (struct sockaddr*)&address, sizeof address) != 0 && errno != EINPROGRESS) fail("connect");
  watch(index);
}

static void end_connection(int index) {
  record_latency(now_ns() - connections[index].sent_at);
  count_messages(1);
  close(connections[index].fd);
  begin_connection(index);
}

static void on_accept_event(int index, uint32_t what) {
  struct connection* connection = &connections[index];
  if ((what & EPOLLOUT) && connection->unsent == 0 && connection->received == 0) {
    send_message(connection);
    connection->received = -answer_bytes;  // counts up to nothing
  }
  if (!(what & EPOLLIN)) return;
  connection->received += receive(connection);
  if (connection->received >= 0) end_connection(index);
}

static void on_http_event(int index, uint32_t what) {
  struct connection* connection = &connections[index];
  if (connection->step == kConnecting && (what & EPOLLOUT)) {
    connection->step = kEchoing;
    send_message(connection);
  }
  if (!(what & EPOLLIN)) return;
  ssize_t received;
  while ((received = recv(connection->fd, buffer, sizeof buffer, 0)) > 0) connection->received += received;
  if (received < 0 && errno == EAGAIN) return;
  if (received < 0) fail("recv");
  if (connection->received == 0) fail_with("the server closed a connection without an answer");
  end_connection(index);
}

// What the server sent next: its handshake, the echo, its close frame, the end.
static void on_websocket_answer(int index) {
  struct connection* connection = &connections[index];
  ssize_t received = recv(connection->fd, buffer, sizeof buffer, 0);
  if (received < 0 && errno == EAGAIN) return;
  if (received < 0) fail("recv");
  if (received == 0) {
    if (connection->step != kClosing) fail_with("the server closed a connection");
    return end_connection(index);
  }
  if (connection->step == kShakingHands) {
    if (websocket_head_bytes(buffer, received) != received)
      fail_with("the server's handshake did not come as one");
    connection->step = kEchoing;
    send_message(connection);
  } else if (connection->step == kEchoing) {
    check_answer(connection, received);
    connection->received += received;
    if (connection->received < answer_bytes) return;
    uint8_t close_frame[8];
    int length = websocket_close(close_frame);
    if (send(connection->fd, close_frame, (size_t)length, MSG_NOSIGNAL) != length) fail("send");
    connection->step = kClosing;
  } else {
    // Its FIN may be in already: edge-triggered, so nobody says so again.
    on_websocket_answer(index);
  }
}

static void on_websocket_event(int index, uint32_t what) {
  struct connection* connection = &connections[index];
  if (connection->step == kConnecting && (what & EPOLLOUT)) {
    connection->step = kShakingHands;
    send_request(connection->fd);
  }
  if (what & EPOLLIN) on_websocket_answer(index);
}

void load_accept(void) {
  prepare(options.connections);
  window_begin();
  for (int index = 0; index < options.connections; index++) begin_connection(index);
  for (int64_t now = now_ns(); window_open(now); now = now_ns()) {
    int count = wait_for_events(kPatienceMs);
    for (int i = 0; i < count; i++) {
      if (events[i].events & (EPOLLERR | EPOLLHUP)) fail_with("a connection was refused or reset");
      if (options.websocket) on_websocket_event((int)events[i].data.u32, events[i].events);
      else on_accept_event((int)events[i].data.u32, events[i].events);
    }
  }
}

void load_http_close(void) {
  static const char request[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
  options.bytes = (int)strlen(request);
  prepare(options.connections);
  memcpy(message, request, strlen(request));
  window_begin();
  for (int index = 0; index < options.connections; index++) begin_connection(index);
  for (int64_t now = now_ns(); window_open(now); now = now_ns()) {
    int count = wait_for_events(kPatienceMs);
    for (int i = 0; i < count; i++) on_http_event((int)events[i].data.u32, events[i].events);
  }
}

// ---- idle: what a connection that says nothing costs in memory

void load_idle(void) {
  int first = options.connections > 2 * kIdleWarmUp ? kIdleWarmUp : options.connections / 2;
  struct timespec settle = {kSettleMs / 1000, 0};
  prepare(options.connections);
  window_begin();
  // The first ones are not counted: with them the server compiles its code and touches what it has
  // once, such as a garbage collector's young generation, of which every server at work has touched
  // all.
  open_connections(0, first);
  for (int round = 0; round < kIdleRounds; round++) greet(0, first);
  nanosleep(&settle, NULL);
  int64_t before = resident_bytes();
  while (!measuring()) window_open(now_ns());
  for (int from = first; from < options.connections; from += kIdleWarmUp) {
    int to = from + kIdleWarmUp < options.connections ? from + kIdleWarmUp : options.connections;
    open_connections(from, to);
    greet(from, to);
  }
  nanosleep(&settle, NULL);
  set_resident(before, resident_bytes());
  count_messages((uint64_t)(options.connections - first));
  while (window_open(now_ns())) nanosleep(&settle, NULL);
}
