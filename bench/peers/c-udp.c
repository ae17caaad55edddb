// The yardstick for datagrams: recvmmsg and sendmmsg.
//   c-udp udp-echo|udp-fanout [--bytes B] [--batch N]
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
  static const struct option known[] = {{"bytes", 1, 0, 'b'}, {"batch", 1, 0, 'n'}, {0, 0, 0, 0}};
  if (argc < 2) return 2;
  bool is_fanout = strcmp(argv[1], "udp-fanout") == 0;
  int batch = kMostBatch;
  for (int name; (name = getopt_long(argc - 1, argv + 1, "", known, NULL)) != -1;) {
    if (name == 'b') message_vector.iov_len = (size_t)atoi(optarg);
    if (name == 'n') batch = atoi(optarg);
  }
  if (message_vector.iov_len > kMostBytes || batch < 1 || batch > kMostBatch) return 2;

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
      if (payloads[i][0] == 't') fan_out(fd, batch);
      else if (payloads[i][0] == 'h' && peer_count < kMostPeers) peers[peer_count++] = addresses[i];
    }
  }
}
