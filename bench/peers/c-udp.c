// The yardstick for datagrams: recvmmsg and sendmmsg. With --ring, a fan-out is a sendmsg for each
// peer, many in one io_uring_enter.
//   c-udp udp-echo|udp-fanout [--bytes B] [--batch N] [--ring sends]
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "ring.h"

enum { kMostBatch = 64, kMostBytes = 2048, kMostPeers = 65536 };

static uint8_t payloads[kMostBatch][kMostBytes];
static struct sockaddr_in addresses[kMostBatch];
static struct iovec vectors[kMostBatch];
static struct mmsghdr headers[kMostBatch];

static struct sockaddr_in peers[kMostPeers];
static int peer_count;
static uint8_t message[kMostBytes];
static struct iovec message_vector = {message, 64};
static struct mmsghdr outgoing[kMostBatch];

static void fail(const char* what) {
  perror(what);
  exit(1);
}

static void send_batch(int fd, struct mmsghdr* batch, int count) {
  for (int sent = 0; sent < count;) {
    // A blocking socket: waits for room.
    int now = sendmmsg(fd, batch + sent, (unsigned)(count - sent), 0);
    if (now < 0) fail("sendmmsg");
    sent += now;
  }
}

static int ring_socket;
static struct msghdr together[kRingCalls];

// There was no room for it: waits, as the other one does.
static void on_sent(uint64_t at, int result) {
  if (result < 0 && sendmsg(ring_socket, &together[at], 0) < 0) fail("sendmsg");
}

static void fan_out_together(int fd) {
  ring_socket = fd;
  for (int i = 0; i < peer_count; i++) {
    int at = i % kRingCalls;
    together[at] = (struct msghdr){.msg_name = &peers[i], .msg_namelen = sizeof *peers, .msg_iov = &message_vector, .msg_iovlen = 1};
    ring_add(IORING_OP_SENDMSG, fd, &together[at], 1, (uint64_t)at);
    if (at == kRingCalls - 1) ring_run(on_sent);
  }
  ring_run(on_sent);
}

static void fan_out(int fd, int batch) {
  for (int from = 0; from < peer_count; from += batch) {
    int count = peer_count - from < batch ? peer_count - from : batch;
    for (int i = 0; i < count; i++) {
      outgoing[i].msg_hdr = (struct msghdr){
          .msg_name = &peers[from + i], .msg_namelen = sizeof *peers, .msg_iov = &message_vector, .msg_iovlen = 1};
    }
    send_batch(fd, outgoing, count);
  }
}

int main(int argc, char** argv) {
  static const struct option known[] = {{"bytes", 1, 0, 'b'}, {"batch", 1, 0, 'n'}, {"ring", 1, 0, 'r'}, {0, 0, 0, 0}};
  if (argc < 2) return 2;
  bool is_fanout = strcmp(argv[1], "udp-fanout") == 0;
  int batch = kMostBatch;
  bool has_ring = false;
  for (int name; (name = getopt_long(argc - 1, argv + 1, "", known, NULL)) != -1;) {
    if (name == 'b') message_vector.iov_len = (size_t)atoi(optarg);
    if (name == 'n') batch = atoi(optarg);
    if (name == 'r') has_ring = true;
  }
  if (message_vector.iov_len > kMostBytes || batch < 1 || batch > kMostBatch) return 2;

  if (has_ring) ring_open();
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t length = sizeof address;
  if (fd < 0 || bind(fd, (struct sockaddr*)&address, length) != 0) fail("bind");
  getsockname(fd, (struct sockaddr*)&address, &length);
  printf("port %d\n", ntohs(address.sin_port));
  fflush(stdout);

  for (;;) {
    for (int i = 0; i < batch; i++) {
      vectors[i] = (struct iovec){payloads[i], kMostBytes};
      headers[i].msg_hdr = (struct msghdr){
          .msg_name = &addresses[i], .msg_namelen = sizeof *addresses, .msg_iov = &vectors[i], .msg_iovlen = 1};
    }
    int count = recvmmsg(fd, headers, (unsigned)batch, MSG_WAITFORONE, NULL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("recvmmsg");
    if (!is_fanout) {
      for (int i = 0; i < count; i++) vectors[i].iov_len = headers[i].msg_len;
      send_batch(fd, headers, count);
      continue;
    }
    for (int i = 0; i < count; i++) {
      if (payloads[i][0] == 't' && has_ring) fan_out_together(fd);
      else if (payloads[i][0] == 't') fan_out(fd, batch);
      else if (payloads[i][0] == 'h' && peer_count < kMostPeers) peers[peer_count++] = addresses[i];
    }
  }
}
