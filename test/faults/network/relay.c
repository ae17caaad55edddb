// A bad cable between two network namespaces: makes a TUN device in each and carries packets
// across, and on the way it loses, delays, overtakes, doubles and damages some, by seed. Lines on
// standard input command it; it ends with that input. Knows no connections, only packets.
//   relay NAMESPACE NAMESPACE DEVICE SEED
//   "set loss 20 delayUs 5000 …" (chances in a thousand), "cut", "mend", "count": a line of JSON
//   with the counters
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { kMaxPacketBytes = 2048, kMaxInFlight = 20000, kUdp = 17 };

struct Packet {
  struct Packet *earlier, *later;
  int64_t due_us;
  uint64_t arrival;
  int from, bytes, is_damaged;
  uint8_t data[kMaxPacketBytes];
};

// By direction (0 = from the first namespace), and UDP apart from all others: a test that counts
// datagrams compares with these.
struct Counters {
  uint64_t seen, lost, damaged, doubled, reordered, delivered, refused, newest;
};

static struct Counters counters[2][2];
static struct Packet *first, *last;
static int in_flight, is_cut;
static int loss, damage, duplicate, reorder, delay_us, jitter_us;
static uint64_t random_state;

static int64_t now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

// splitmix64: a state of one number is all that a seed has to fill.
static uint64_t next_random(void) {
  uint64_t mixed = (random_state += 0x9e3779b97f4a7c15ULL);
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
  return mixed ^ (mixed >> 31);
}

static int in_thousand(int chances) { return (int)(next_random() % 1000) < chances; }

static int fail(const char* what) {
  fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
  return 1;
}

// A device belongs to the namespace of the thread that makes it; its descriptor works from
// anywhere.
static int open_tun(const char* namespace_name, const char* device) {
  char path[256];
  snprintf(path, sizeof path, "/run/netns/%s", namespace_name);
  const int space = open(path, O_RDONLY | O_CLOEXEC);
  if (space < 0 || setns(space, CLONE_NEWNET) != 0) return -1;
  close(space);
  const int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
  snprintf(request.ifr_name, sizeof request.ifr_name, "%s", device);
  if (tun < 0 || ioctl(tun, TUNSETIFF, &request) != 0) return -1;
  return tun;
}

static int is_udp(const uint8_t* packet, int bytes) {
  if (bytes < 20) return 0;
  return (packet[0] >> 4) == 6 ? packet[6] == kUdp : packet[9] == kUdp;
}

static void enqueue(const struct Packet* model, int64_t due_us) {
  struct Packet* packet = malloc(sizeof *packet);
  if (packet == NULL) abort();
  *packet = *model;
  packet->due_us = due_us;
  struct Packet* before = last;
  while (before != NULL && before->due_us > due_us) before = before->earlier;
  packet->earlier = before;
  packet->later = before == NULL ? first : before->later;
  *(packet->later == NULL ? &last : &packet->later->earlier) = packet;
  *(before == NULL ? &first : &before->later) = packet;
  in_flight++;
}

// The order of the draws is the promise to the test: what is lost is neither damaged nor
// doubled, and what is damaged is not doubled.
static void take(struct Packet* packet) {
  struct Counters* count = &counters[packet->from][is_udp(packet->data, packet->bytes)];
  packet->arrival = ++count->seen;
  if (is_cut || in_thousand(loss) || in_flight >= kMaxInFlight) {
    count->lost++;
    return;
  }
  // One bit behind the addresses: the checksum of TCP or UDP finds any single one, so that the
  // system drops the packet.
  packet->is_damaged = in_thousand(damage) && packet->bytes > 40;
  if (packet->is_damaged) {
    const uint64_t at = 20 + next_random() % (uint64_t)(packet->bytes - 20);
    packet->data[at] ^= (uint8_t)(1u << next_random() % 8);
    count->damaged++;
  }
  const int copies = !packet->is_damaged && in_thousand(duplicate) ? 2 : 1;
  count->doubled += (uint64_t)(copies - 1);
  for (int copy = 0; copy < copies; copy++) {
    int64_t delay = delay_us;
    if (jitter_us > 0) delay += (int64_t)(next_random() % (uint64_t)(2 * jitter_us)) - jitter_us;
    if (delay < 0 || in_thousand(reorder)) delay = 0;
    enqueue(packet, now_us() + delay);
  }
}

static void deliver_due(const int tun[2]) {
  const int64_t now = now_us();
  while (first != NULL && first->due_us <= now) {
    struct Packet* packet = first;
    first = packet->later;
    *(first == NULL ? &last : &first->earlier) = NULL;
    in_flight--;
    struct Counters* count = &counters[packet->from][is_udp(packet->data, packet->bytes)];
    // A device that is down refuses.
    if (is_cut || write(tun[1 - packet->from], packet->data, (size_t)packet->bytes) != packet->bytes) {
      count->refused++;
    } else {
      count->delivered++;
      if (!packet->is_damaged && packet->arrival < count->newest) count->reordered++;
      if (!packet->is_damaged && packet->arrival > count->newest) count->newest = packet->arrival;
    }
    free(packet);
  }
}

static void print_counters(void) {
  printf("[");
  for (int direction = 0; direction < 2; direction++) {
    for (int udp = 0; udp < 2; udp++) {
      const struct Counters* count = &counters[direction][udp];
      printf("%s{\"from\":%d,\"udp\":%s,\"seen\":%llu,\"lost\":%llu,\"damaged\":%llu,\"doubled\":%llu,\"reordered\":%llu,", direction + udp ? "," : "",
             direction, udp ? "true" : "false", (unsigned long long)count->seen, (unsigned long long)count->lost,
             (unsigned long long)count->damaged, (unsigned long long)count->doubled, (unsigned long long)count->reordered);
      printf("\"delivered\":%llu,\"refused\":%llu}", (unsigned long long)count->delivered, (unsigned long long)count->refused);
    }
  }
  printf("]\n");
  fflush(stdout);
}

static void obey(char* line) {
  char* word = strtok(line, " ");
  if (word == NULL) return;
  if (strcmp(word, "cut") == 0) is_cut = 1;
  if (strcmp(word, "mend") == 0) is_cut = 0;
  if (strcmp(word, "set") == 0) {
    static const struct {
      const char* name;
      int* value;
    } settings[] = {{"loss", &loss},       {"damage", &damage},    {"duplicate", &duplicate},
                    {"reorder", &reorder}, {"delayUs", &delay_us}, {"jitterUs", &jitter_us}};
    while ((word = strtok(NULL, " ")) != NULL) {
      const char* value = strtok(NULL, " ");
      for (size_t at = 0; at < sizeof settings / sizeof *settings; at++) {
        if (value != NULL && strcmp(word, settings[at].name) == 0) *settings[at].value = atoi(value);
      }
    }
  }
  // Every line is answered, so that whoever wrote it knows when it holds.
  print_counters();
}

// False at the end of the input.
static int read_orders(void) {
  static char buffer[4096];
  static size_t used;
  const ssize_t got = read(STDIN_FILENO, buffer + used, sizeof buffer - 1 - used);
  if (got <= 0) return 0;
  used += (size_t)got;
  buffer[used] = '\0';
  char* start = buffer;
  for (char* end; (end = strchr(start, '\n')) != NULL; start = end + 1) {
    *end = '\0';
    obey(start);
  }
  used -= (size_t)(start - buffer);
  memmove(buffer, start, used);
  return 1;
}

int main(int count, char** arguments) {
  if (count != 5) return 2;
  random_state = strtoull(arguments[4], NULL, 10);
  const int tun[2] = {open_tun(arguments[1], arguments[3]), open_tun(arguments[2], arguments[3])};
  if (tun[0] < 0 || tun[1] < 0) return fail("no TUN device");
  // One processor has one queue of arrivals: on two the system itself might reorder what was
  // written in order.
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  sched_setaffinity(0, sizeof one, &one);
  print_counters();
  for (;;) {
    struct pollfd polled[3] = {{tun[0], POLLIN, 0}, {tun[1], POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    const int64_t left_us = first == NULL ? 1000000 : first->due_us - now_us();
    const struct timespec limit = {left_us > 0 ? left_us / 1000000 : 0, left_us > 0 ? left_us % 1000000 * 1000 : 0};
    if (ppoll(polled, 3, &limit, NULL) < 0 && errno != EINTR) return fail("ppoll");
    if (polled[2].revents != 0 && !read_orders()) return 0;
    for (int from = 0; from < 2; from++) {
      struct Packet packet;
      packet.from = from;
      // Bounded, so that neither the other direction nor what is due waits for long.
      for (int taken = 0; taken < 64; taken++) {
        const ssize_t bytes = read(tun[from], packet.data, sizeof packet.data);
        if (bytes <= 0) break;
        packet.bytes = (int)bytes;
        take(&packet);
      }
    }
    deliver_due(tun);
  }
}
