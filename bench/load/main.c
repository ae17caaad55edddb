// The load generator of the benchmarks: one process on a core of its own that keeps a server busy
// and measures it from outside, so that every server is measured by the same means. The server's
// processor time is read from its process clock (clock_getcpuclockid(3): user and system, all
// threads), its memory from /proc/<pid>/statm. Prints one line of JSON.
#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

struct options options = {.connections = 1, .bytes = 64, .each = 1, .window = 1, .rate = 1000, .seconds = 1, .warm_up_seconds = 0.3, .core = -1};

_Noreturn void fail(const char* what) {
  fprintf(stderr, "load %s: %s: %s\n", options.mode, what, strerror(errno));
  exit(1);
}

_Noreturn void fail_with(const char* sentence) {
  fprintf(stderr, "load %s: %s\n", options.mode, sentence);
  exit(1);
}

static int64_t read_clock(clockid_t clock) {
  struct timespec time;
  if (clock_gettime(clock, &time) != 0) fail("clock_gettime; is the server gone?");
  return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

int64_t now_ns(void) { return read_clock(CLOCK_MONOTONIC); }

struct sockaddr_in server_address(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  return address;
}

// ---- the window

static struct {
  clockid_t server_clock;
  int64_t starts, ends;           // planned
  int64_t started, ended;         // what became of it
  int64_t cpu_started, cpu_ended;
  bool is_open;
  uint64_t messages, bytes, lost;
  int64_t resident_before, resident_after;
} window;

void window_begin(void) {
  if (clock_getcpuclockid(options.pid, &window.server_clock) != 0) fail_with("the server's processor clock cannot be read");
  window.starts = now_ns() + (int64_t)(options.warm_up_seconds * 1e9);
  window.ends = window.starts + (int64_t)(options.seconds * 1e9);
}

bool window_open(int64_t now) {
  if (!window.is_open) {
    if (now < window.starts) return true;
    window.is_open = true;
    window.started = now;
    window.cpu_started = read_clock(window.server_clock);
    return true;
  }
  if (now < window.ends) return true;
  window.ended = now;
  window.cpu_ended = read_clock(window.server_clock);
  window.is_open = false;
  return false;
}

bool measuring(void) { return window.is_open; }

void count_messages(uint64_t messages) {
  if (window.is_open) window.messages += messages;
}
void count_bytes(uint64_t bytes) {
  if (window.is_open) window.bytes += bytes;
}
void count_lost(uint64_t lost) {
  if (window.is_open) window.lost += lost;
}

// ---- latencies: each power of two is cut into 64 parts, so a percentile is true to 1.6 %

enum { kParts = 64, kPowers = 40 };
static uint64_t latencies[kPowers][kParts];
static uint64_t recorded;
static int64_t longest;

void record_latency(int64_t ns) {
  if (!window.is_open) return;
  if (ns < kParts) ns = kParts;
  int power = 63 - __builtin_clzll((unsigned long long)ns);
  if (power >= kPowers) power = kPowers - 1;
  latencies[power][(ns >> (power - 6)) & (kParts - 1)]++;
  recorded++;
  if (ns > longest) longest = ns;
}

static double percentile_us(double share) {
  uint64_t wanted = (uint64_t)(share * (double)recorded);
  uint64_t seen = 0;
  for (int power = 6; power < kPowers; power++) {
    for (int part = 0; part < kParts; part++) {
      seen += latencies[power][part];
      if (seen > wanted) return (double)((INT64_C(1) << power) + (int64_t)part * (INT64_C(1) << (power - 6))) / 1e3;
    }
  }
  return (double)longest / 1e3;
}

// ---- memory

int64_t resident_bytes(void) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/statm", (int)options.pid);
  FILE* file = fopen(path, "r");
  long size, resident;
  if (file == NULL || fscanf(file, "%ld %ld", &size, &resident) != 2) fail("/proc/<pid>/statm");
  fclose(file);
  return (int64_t)resident * sysconf(_SC_PAGESIZE);
}

void set_resident(int64_t before, int64_t after) {
  window.resident_before = before;
  window.resident_after = after;
}

// ---- the command

static const struct {
  const char* name;
  void (*run)(void);
} modes[] = {
    {"echo", load_echo},     {"sink", load_sink},     {"source", load_source}, {"http", load_http},         {"rate", load_rate},
    {"fanout", load_fanout}, {"accept", load_accept}, {"idle", load_idle},     {"udp-echo", load_udp_echo}, {"udp-fanout", load_udp_fanout},
    {"http-close", load_http_close},
};

static void read_options(int argc, char** argv) {
  enum { kPort, kPid, kCore, kConnections, kBytes, kEach, kActive, kWindow, kRate, kSeconds, kWarmUp, kIgnoreExtra, kWebSocket };
  static const struct option known[] = {
      {"port", 1, 0, kPort},     {"pid", 1, 0, kPid},       {"core", 1, 0, kCore},
      {"bytes", 1, 0, kBytes},   {"each", 1, 0, kEach},     {"active", 1, 0, kActive},
      {"window", 1, 0, kWindow}, {"rate", 1, 0, kRate},     {"connections", 1, 0, kConnections},
      {"seconds", 1, 0, kSeconds}, {"warm-up-seconds", 1, 0, kWarmUp}, {"ignore-extra", 0, 0, kIgnoreExtra},
      {"websocket", 0, 0, kWebSocket}, {0, 0, 0, 0},
  };
  if (argc < 2) exit(2);
  options.mode = argv[1];
  for (int name; (name = getopt_long(argc - 1, argv + 1, "", known, NULL)) != -1;) {
    switch (name) {
      case kPort: options.port = atoi(optarg); break;
      case kPid: options.pid = atoi(optarg); break;
      case kCore: options.core = atoi(optarg); break;
      case kConnections: options.connections = atoi(optarg); break;
      case kBytes: options.bytes = atoi(optarg); break;
      case kEach: options.each = atoi(optarg); break;
      case kActive: options.active = atoi(optarg); break;
      case kWindow: options.window = atoi(optarg); break;
      case kRate: options.rate = atof(optarg); break;
      case kSeconds: options.seconds = atof(optarg); break;
      case kWarmUp: options.warm_up_seconds = atof(optarg); break;
      case kIgnoreExtra: options.ignore_extra = true; break;
      case kWebSocket: options.websocket = true; break;
      default: exit(2);
    }
  }
  if (options.active == 0) options.active = options.connections;
}

int main(int argc, char** argv) {
  read_options(argc, argv);
  if (options.core >= 0) {
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET((size_t)options.core, &cores);
    if (sched_setaffinity(0, sizeof cores, &cores) != 0) fail("sched_setaffinity");
  }
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);

  size_t mode = 0;
  while (mode < sizeof modes / sizeof *modes && strcmp(modes[mode].name, options.mode) != 0) mode++;
  if (mode == sizeof modes / sizeof *modes) fail_with("there is no such load");
  modes[mode].run();

  printf("{\"messages\":%llu,\"seconds\":%.6f,\"cpuNs\":%lld,\"bytes\":%llu,\"lost\":%llu,"
         "\"latencyUs\":{\"p50\":%.2f,\"p99\":%.2f,\"p999\":%.2f,\"max\":%.2f},\"residentBefore\":%lld,\"residentAfter\":%lld}\n",
         (unsigned long long)window.messages, (double)(window.ended - window.started) / 1e9,
         (long long)(window.cpu_ended - window.cpu_started), (unsigned long long)window.bytes, (unsigned long long)window.lost,
         percentile_us(0.5), percentile_us(0.99), percentile_us(0.999), (double)longest / 1e3,
         (long long)window.resident_before, (long long)window.resident_after);
  return 0;
}
