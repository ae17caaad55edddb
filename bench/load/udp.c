// The UDP loads. A datagram carries the number of its socket's try, so that one which comes
// after it was given up is not counted.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

enum { kBatch = 512, kMostWindow = 64, kMostBytes = 2048 };
// After this long what has not come back is lost.
static const int64_t kGivenUpNs = 100 * 1000 * 1000;

struct peer {
  int fd;
  int missing;       // of the window in flight
  uint32_t attempt;
  int64_t sent_at;
};

static struct peer* peers;
static struct epoll_event events[kBatch];
static struct mmsghdr headers[kMostWindow];
static struct iovec vectors[kMostWindow];
static uint8_t payloads[kMostWindow][kMostBytes];
static int epoll;

static int open_peer(uint32_t index) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = server_address();
  if (fd < 0 || connect(fd, (struct sockaddr*)&address, sizeof address) != 0) fail("socket");
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = index};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
  return fd;
}

static void prepare(int count) {
  if (options.bytes > kMostBytes || options.bytes < 16) fail_with("a datagram has 16 to 2048 bytes here");
  if (options.window > kMostWindow) fail_with("a window has 64 datagrams at most");
  peers = calloc((size_t)count, sizeof *peers);
  epoll = epoll_create1(EPOLL_CLOEXEC);
  if (peers == NULL || epoll < 0) fail("prepare");
  for (int index = 0; index < count; index++) peers[index].fd = open_peer((uint32_t)index);
  for (int i = 0; i < kMostWindow; i++) {
    vectors[i] = (struct iovec){payloads[i], (size_t)options.bytes};
    headers[i].msg_hdr = (struct msghdr){.msg_iov = &vectors[i], .msg_iovlen = 1};
    memset(payloads[i], kOurs, sizeof payloads[i]);
  }
}

static void send_window(struct peer* peer) {
  peer->attempt++;
  peer->sent_at = now_ns();
  peer->missing = options.window;
  for (int i = 0; i < options.window; i++) {
    memcpy(payloads[i], &peer->attempt, sizeof peer->attempt);
    vectors[i].iov_len = (size_t)options.bytes;
  }
  int sent = sendmmsg(peer->fd, headers, (unsigned)options.window, 0);
  // What was not sent is given up in time, and counted as lost.
  if (sent < 0 && errno != EAGAIN) fail("sendmmsg");
}

static void receive_some(struct peer* peer) {
  for (int i = 0; i < options.window; i++) vectors[i].iov_len = kMostBytes;
  int received = recvmmsg(peer->fd, headers, (unsigned)options.window, 0, NULL);
  if (received < 0 && errno == EAGAIN) return;
  if (received < 0) fail("recvmmsg");
  int64_t now = now_ns();
  for (int i = 0; i < received; i++) {
    uint32_t attempt;
    memcpy(&attempt, payloads[i], sizeof attempt);
    if (headers[i].msg_len != (unsigned)options.bytes) fail_with("a datagram of the wrong size");
    if (attempt != peer->attempt) continue;
    count_messages(1);
    count_bytes((uint64_t)options.bytes);
    record_latency(now - peer->sent_at);
    peer->missing--;
  }
  if (peer->missing == 0) send_window(peer);
}

void load_udp_echo(void) {
  prepare(options.connections);
  window_begin();
  for (int index = 0; index < options.connections; index++) send_window(&peers[index]);
  int64_t looked = now_ns();
  for (int64_t now = looked; window_open(now); now = now_ns()) {
    int count = epoll_wait(epoll, events, kBatch, 20);
    if (count < 0) fail("epoll_wait");
    for (int i = 0; i < count; i++) receive_some(&peers[events[i].data.u32]);
    if (now - looked < kGivenUpNs / 4) continue;
    looked = now;
    for (int index = 0; index < options.connections; index++) {
      if (now - peers[index].sent_at < kGivenUpNs) continue;
      count_lost((uint64_t)peers[index].missing);
      send_window(&peers[index]);
    }
  }
}

static void say(struct peer* peer, char what) {
  uint8_t hello[64] = {(uint8_t)what};
  if (send(peer->fd, hello, sizeof hello, 0) < 0) fail("send");
}

void load_udp_fanout(void) {
  int members = options.connections;
  struct timespec pause = {0, 200 * 1000};
  prepare(members + 1);
  for (int index = 0; index < members; index++) {
    say(&peers[index], 'h');
    // The server's receive buffer holds some hundred.
    if (index % 50 == 49) nanosleep(&pause, NULL);
  }
  pause.tv_nsec = 100 * 1000 * 1000;
  nanosleep(&pause, NULL);
  window_begin();
  for (int64_t now = now_ns(); window_open(now); now = now_ns()) {
    int64_t asked_at = now_ns();
    say(&peers[members], 't');
    for (int left = members; left > 0;) {
      int count = epoll_wait(epoll, events, kBatch, (int)(kGivenUpNs / 1000000));
      if (count < 0) fail("epoll_wait");
      if (count == 0) {
        count_lost((uint64_t)left);
        break;
      }
      for (int i = 0; i < count; i++) {
        ssize_t received = recv(peers[events[i].data.u32].fd, payloads[0], kMostBytes, 0);
        if (received < 0 && errno == EAGAIN) continue;
        if (received != options.bytes) fail_with("a datagram of the wrong size");
        left--;
        count_messages(1);
        count_bytes((uint64_t)received);
        record_latency(now_ns() - asked_at);
      }
    }
  }
}
