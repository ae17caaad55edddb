// LD_PRELOAD: makes system calls of the addon fail, or do less than they were asked, as a block of
// shared memory says (control.mjs). Calls of Node and of every other library pass through
// untouched: whose call it is, its return address tells. Built by the fault lab with cc; refuses to
// know what pollport does about a fault.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum call {
  CALL_none,
#define X(name) CALL_##name,
#include "calls.h"
#undef X
  CALL_count
};

#define RULES 24
#define CALLS 64
#define ERRORS 134

_Static_assert(CALL_count <= CALLS, "the control block has room for fewer calls");

// The layout that control.mjs writes and reads: 32-bit numbers throughout.
struct rule {
  int32_t call;    // 0 = no rule
  int32_t first;   // the first occurrence that it is about, from 1 on
  int32_t times;   // for how many in a row; 0 = for ever
  int32_t one_in;  // of those, one in so many by chance; 0 = all
  int32_t error;   // what errno shall be; 0 = none
  int32_t limit;   // at most so many bytes, datagrams or events; 0 = no limit
};

struct control {
  int32_t armed;
  uint32_t seed;
  int32_t drawn;
  int32_t reserved;
  struct rule rules[RULES];
  int32_t seen[CALLS];
  int32_t limited[CALLS];
  int32_t failed[CALLS][ERRORS];
};

struct verdict {
  int error;
  int limit;
};

static struct control *control;
static uintptr_t addon_begin;
static uintptr_t addon_end;

__attribute__((constructor)) static void attach(void) {
  const char *path = getenv("POLLPORT_FAULTS_CONTROL");
  if (path == NULL) return;
  const int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void *block = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  syscall(SYS_close, fd);
  if (block != MAP_FAILED) control = block;
}

static int look_for_addon(struct dl_phdr_info *info, size_t size, void *unused) {
  (void)size;
  (void)unused;
  const char *name = info->dlpi_name;
  const size_t length = name == NULL ? 0 : strlen(name);
  if (length < 5 || strcmp(name + length - 5, ".node") != 0 || strstr(name, "pollport") == NULL) return 0;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *part = &info->dlpi_phdr[i];
    if (part->p_type != PT_LOAD || (part->p_flags & PF_X) == 0) continue;
    addon_end = info->dlpi_addr + part->p_vaddr + part->p_memsz;
    __atomic_store_n(&addon_begin, info->dlpi_addr + part->p_vaddr, __ATOMIC_RELEASE);
  }
  return 1;
}

// Steele and others, "Fast splittable pseudorandom number generators", cut down to 32 bits.
static uint32_t mixed(uint32_t x) {
  x += 0x9e3779b9u;
  x = (x ^ (x >> 16)) * 0x85ebca6bu;
  x = (x ^ (x >> 13)) * 0xc2b2ae35u;
  return x ^ (x >> 16);
}

static struct verdict judge(enum call call, void *return_address) {
  const struct verdict none = {0, 0};
  if (control == NULL || !__atomic_load_n(&control->armed, __ATOMIC_ACQUIRE)) return none;
  if (__atomic_load_n(&addon_begin, __ATOMIC_ACQUIRE) == 0) dl_iterate_phdr(look_for_addon, NULL);
  const uintptr_t at = (uintptr_t)return_address;
  if (addon_begin == 0 || at < addon_begin || at >= addon_end) return none;

  const int32_t occurrence = __atomic_add_fetch(&control->seen[call], 1, __ATOMIC_RELAXED);
  for (int i = 0; i < RULES; i++) {
    const struct rule *rule = &control->rules[i];
    if (rule->call != (int32_t)call) continue;
    if (occurrence < rule->first || (rule->times > 0 && occurrence >= rule->first + rule->times)) continue;
    if (rule->one_in > 1) {
      const int32_t draw = __atomic_add_fetch(&control->drawn, 1, __ATOMIC_RELAXED);
      if (mixed(control->seed ^ mixed((uint32_t)draw)) % (uint32_t)rule->one_in != 0) continue;
    }
    if (rule->error > 0 && rule->error < ERRORS) __atomic_add_fetch(&control->failed[call][rule->error], 1, __ATOMIC_RELAXED);
    return (struct verdict){rule->error, rule->limit};
  }
  return none;
}

// Less than it asked for, if the verdict says so, and counted.
static size_t cut(enum call call, struct verdict verdict, size_t asked) {
  if (verdict.limit <= 0 || asked <= (size_t)verdict.limit) return asked;
  __atomic_add_fetch(&control->limited[call], 1, __ATOMIC_RELAXED);
  return (size_t)verdict.limit;
}

static int failing(struct verdict verdict) {
  if (verdict.error == 0) return 0;
  errno = verdict.error;
  return 1;
}

// A connection that is told to be broken is broken, so that what would follow follows:
// connecting it to nobody sends a reset (tcp_disconnect).
static int failing_stream(struct verdict verdict, int fd) {
  if (verdict.error == EPIPE || verdict.error == ECONNRESET || verdict.error == ENOTCONN || verdict.error == ETIMEDOUT) {
    const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    syscall(SYS_connect, fd, &nobody, sizeof nobody);
  }
  return failing(verdict);
}

#define JUDGE(call) const struct verdict verdict = judge(CALL_##call, __builtin_return_address(0))

// A call of the same name that may fail with -1 before it was made.
#define PASS(result, name, call, parameters, arguments) \
  result name parameters {                              \
    static result(*real) parameters;                    \
    if (real == NULL) real = dlsym(RTLD_NEXT, #name);   \
    JUDGE(call);                                        \
    return failing(verdict) ? -1 : real arguments;      \
  }

PASS(int, accept4, accept4, (int fd, struct sockaddr *address, socklen_t *length, int flags), (fd, address, length, flags))
PASS(int, bind, bind, (int fd, const struct sockaddr *address, socklen_t length), (fd, address, length))
PASS(int, epoll_create1, epoll_create1, (int flags), (flags))
PASS(int, eventfd, eventfd, (unsigned value, int flags), (value, flags))
PASS(int, getpeername, getpeername, (int fd, struct sockaddr *address, socklen_t *length), (fd, address, length))
PASS(int, getsockname, getsockname, (int fd, struct sockaddr *address, socklen_t *length), (fd, address, length))
PASS(int, getsockopt, getsockopt, (int fd, int level, int name, void *value, socklen_t *length), (fd, level, name, value, length))
PASS(int, listen, listen, (int fd, int backlog), (fd, backlog))
PASS(int, ppoll, ppoll, (struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask),
     (fds, count, timeout, mask))
PASS(ssize_t, read, read, (int fd, void *into, size_t length), (fd, into, length))
PASS(ssize_t, write, write, (int fd, const void *bytes, size_t length), (fd, bytes, length))
PASS(ssize_t, recvmsg, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags))
PASS(ssize_t, sendto, sendto, (int fd, const void *bytes, size_t length, int flags, const struct sockaddr *to, socklen_t to_length),
     (fd, bytes, length, flags, to, to_length))
PASS(int, socket, socket, (int domain, int type, int protocol), (domain, type, protocol))

// SO_LINGER only sets two fields: no kernel lacks anything for that, and a reset depends on it.
int setsockopt(int fd, int level, int name, const void *value, socklen_t length) {
  if (level == SOL_SOCKET && name == SO_LINGER) return (int)syscall(SYS_setsockopt, fd, level, name, value, length);
  JUDGE(setsockopt);
  return failing(verdict) ? -1 : (int)syscall(SYS_setsockopt, fd, level, name, value, length);
}

int shutdown(int fd, int how) {
  JUDGE(shutdown);
  return failing_stream(verdict, fd) ? -1 : (int)syscall(SYS_shutdown, fd, how);
}

// The descriptor is gone whatever close() answers (close(2)).
int close(int fd) {
  JUDGE(close);
  const int result = (int)syscall(SYS_close, fd);
  return failing(verdict) ? -1 : result;
}

// An interrupted connect goes on by itself (connect(2)).
int connect(int fd, const struct sockaddr *address, socklen_t length) {
  JUDGE(connect);
  if (verdict.error != 0 && verdict.error != EINTR) return failing(verdict) ? -1 : 0;
  const int result = (int)syscall(SYS_connect, fd, address, length);
  return failing(verdict) ? -1 : result;
}

int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event) {
  const enum call call = operation == EPOLL_CTL_ADD ? CALL_epoll_ctl_add : operation == EPOLL_CTL_MOD ? CALL_epoll_ctl_mod : CALL_epoll_ctl_del;
  const struct verdict verdict = judge(call, __builtin_return_address(0));
  return failing(verdict) ? -1 : (int)syscall(SYS_epoll_ctl, epoll, operation, fd, event);
}

int epoll_wait(int epoll, struct epoll_event *events, int capacity, int timeout_ms) {
  static int (*real)(int, struct epoll_event *, int, int);
  if (real == NULL) real = dlsym(RTLD_NEXT, "epoll_wait");
  JUDGE(epoll_wait);
  return failing(verdict) ? -1 : real(epoll, events, (int)cut(CALL_epoll_wait, verdict, (size_t)capacity), timeout_ms);
}

// The calls that a ring's submissions lie in, by its descriptor (io_uring(7)): 64 bytes each, of
// which the second has the flags.
#define RINGS 256
#define CALL_BYTES 64
#define OFFSET_OF_CALLS 0x10000000
#define TO_A_WORKER (1 << 4)
static struct {
  uint8_t *calls;
  size_t bytes;
} rings[RINGS];

void *mmap64(void *address, size_t length, int protection, int flags, int fd, off64_t offset) {
  void *mapped = (void *)syscall(SYS_mmap, address, length, protection, flags, fd, offset);
  if (offset == OFFSET_OF_CALLS && fd >= 0 && fd < RINGS && mapped != MAP_FAILED) {
    rings[fd].calls = mapped;
    rings[fd].bytes = length;
  }
  return mapped;
}

static void give_to_a_worker(int ring) {
  for (size_t at = 0; at < rings[ring].bytes; at += CALL_BYTES) rings[ring].calls[at + 1] |= TO_A_WORKER;
}

// The addon calls epoll_pwait2 and io_uring by their numbers. Asked of no descriptor, the first is
// the question whether the kernel has it.
long syscall(long number, ...) {
  static long (*real)(long, ...);
  if (real == NULL) real = dlsym(RTLD_NEXT, "syscall");
  va_list list;
  va_start(list, number);
  long a[6];
  for (int i = 0; i < 6; i++) a[i] = va_arg(list, long);
  va_end(list);
  if (number == SYS_epoll_pwait2 && (int)a[0] >= 0) {
    JUDGE(epoll_wait);
    if (failing(verdict)) return -1;
    a[2] = (long)cut(CALL_epoll_wait, verdict, (size_t)a[2]);
  }
  if (number == SYS_io_uring_setup) {
    JUDGE(io_uring_setup);
    if (failing(verdict)) return -1;
  }
  if (number == SYS_io_uring_enter) {
    const struct verdict worker = judge(CALL_io_uring_worker, __builtin_return_address(0));
    if (worker.limit > 0 && a[1] > 0 && a[0] < RINGS) {
      give_to_a_worker((int)a[0]);
      __atomic_add_fetch(&control->limited[CALL_io_uring_worker], 1, __ATOMIC_RELAXED);
    }
    JUDGE(io_uring_enter);
    if (failing(verdict)) return -1;
    a[1] = (long)cut(CALL_io_uring_enter, verdict, (size_t)a[1]);
  }
  return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int fcntl64(int fd, int command, ...) {
  static int (*real)(int, int, ...);
  if (real == NULL) real = dlsym(RTLD_NEXT, "fcntl64");
  va_list list;
  va_start(list, command);
  void *argument = va_arg(list, void *);
  va_end(list);
  JUDGE(fcntl);
  return failing(verdict) ? -1 : real(fd, command, argument);
}

int open64(const char *path, int flags, ...) {
  static int (*real)(const char *, int, ...);
  if (real == NULL) real = dlsym(RTLD_NEXT, "open64");
  va_list list;
  va_start(list, flags);
  const mode_t mode = va_arg(list, mode_t);
  va_end(list);
  JUDGE(open);
  return failing(verdict) ? -1 : real(path, flags, mode);
}

ssize_t recv(int fd, void *into, size_t length, int flags) {
  JUDGE(recv);
  return failing_stream(verdict, fd) ? -1 : recvfrom(fd, into, cut(CALL_recv, verdict, length), flags, NULL, NULL);
}

ssize_t send(int fd, const void *bytes, size_t length, int flags) {
  static ssize_t (*real)(int, const void *, size_t, int);
  if (real == NULL) real = dlsym(RTLD_NEXT, "send");
  JUDGE(send);
  return failing_stream(verdict, fd) ? -1 : real(fd, bytes, cut(CALL_send, verdict, length), flags);
}

// A stream's only: a datagram is sent whole or not at all.
ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  static ssize_t (*real)(int, const struct msghdr *, int);
  if (real == NULL) real = dlsym(RTLD_NEXT, "sendmsg");
  JUDGE(sendmsg);
  if (message->msg_name == NULL ? failing_stream(verdict, fd) : failing(verdict)) return -1;
  if (verdict.limit <= 0 || message->msg_name != NULL || message->msg_iovlen == 0) return real(fd, message, flags);
  struct iovec first = message->msg_iov[0];
  first.iov_len = cut(CALL_sendmsg, verdict, first.iov_len);
  struct msghdr shorter = *message;
  shorter.msg_iov = &first;
  shorter.msg_iovlen = 1;
  return real(fd, &shorter, flags);
}

int recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout) {
  static int (*real)(int, struct mmsghdr *, unsigned, int, struct timespec *);
  if (real == NULL) real = dlsym(RTLD_NEXT, "recvmmsg");
  JUDGE(recvmmsg);
  return failing(verdict) ? -1 : real(fd, messages, (unsigned)cut(CALL_recvmmsg, verdict, count), flags, timeout);
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags) {
  static int (*real)(int, struct mmsghdr *, unsigned, int);
  if (real == NULL) real = dlsym(RTLD_NEXT, "sendmmsg");
  JUDGE(sendmmsg);
  return failing(verdict) ? -1 : real(fd, messages, (unsigned)cut(CALL_sendmmsg, verdict, count), flags);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*enter)(void *), void *argument) {
  static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
  if (real == NULL) real = dlsym(RTLD_NEXT, "pthread_create");
  JUDGE(pthread_create);
  return verdict.error != 0 ? verdict.error : real(thread, attributes, enter, argument);
}

// operator new(size_t): a request that no memory has room for makes the real one throw, as it
// does when there is none.
void *_Znwm(size_t size) {
  static void *(*real)(size_t);
  if (real == NULL) real = dlsym(RTLD_NEXT, "_Znwm");
  JUDGE(operator_new);
  return real(verdict.error != 0 ? SIZE_MAX / 2 : size);
}
