// io_uring as a list of calls, by raw system calls: what is added leaves in one io_uring_enter(2),
// each call answers at once (MSG_DONTWAIT), and nothing is pending afterwards.
#pragma once
#include <errno.h>
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef IORING_SETUP_NO_SQARRAY  // Linux 6.6
#define IORING_SETUP_NO_SQARRAY (1U << 16)
#endif

enum { kRingCalls = 256 };

static struct {
  int fd;
  unsigned count;  // added, and not run yet
  struct io_uring_sqe* calls;
  struct io_uring_cqe* answers;
  _Atomic uint32_t *tail, *answers_head, *answers_tail;
  uint32_t mask, answers_mask;
} ring;

static inline void ring_fail(const char* what) {
  perror(what);
  exit(1);
}

static inline void ring_open(void) {
  struct io_uring_params params = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_NO_SQARRAY};
  ring.fd = (int)syscall(SYS_io_uring_setup, kRingCalls, &params);
  if (ring.fd < 0) {
    printf("absent io_uring_setup: %s\n", strerror(errno));  // an answer, and no failure
    exit(0);
  }
  size_t bytes = params.cq_off.cqes + params.cq_entries * sizeof *ring.answers;
  uint8_t* shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring.fd, IORING_OFF_SQ_RING);
  ring.calls = mmap(NULL, params.sq_entries * sizeof *ring.calls, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring.fd, IORING_OFF_SQES);
  if (shared == MAP_FAILED || ring.calls == MAP_FAILED) ring_fail("mmap");
  ring.tail = (_Atomic uint32_t*)(shared + params.sq_off.tail);
  ring.answers_head = (_Atomic uint32_t*)(shared + params.cq_off.head);
  ring.answers_tail = (_Atomic uint32_t*)(shared + params.cq_off.tail);
  ring.answers = (struct io_uring_cqe*)(shared + params.cq_off.cqes);
  ring.mask = params.sq_entries - 1;
  ring.answers_mask = params.cq_entries - 1;
}

// At most one of a socket before the next ring_run(): several may be run out of order.
static inline void ring_add(uint8_t opcode, int fd, const void* what, size_t length, uint64_t data) {
  struct io_uring_sqe* call = &ring.calls[(*ring.tail + ring.count++) & ring.mask];
  *call = (struct io_uring_sqe){.opcode = opcode, .fd = fd, .addr = (uintptr_t)what, .len = (uint32_t)length, .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL, .user_data = data};
}

// Makes all calls; `answered` gets what each of them returns, or minus the error number.
static inline void ring_run(void (*answered)(uint64_t data, int result)) {
  if (ring.count == 0) return;
  unsigned count = ring.count;
  ring.count = 0;
  atomic_store_explicit(ring.tail, *ring.tail + count, memory_order_release);
  if (syscall(SYS_io_uring_enter, ring.fd, count, 0, 0, NULL, 0) != count) ring_fail("io_uring_enter");
  uint32_t head = *ring.answers_head;
  uint32_t end = atomic_load_explicit(ring.answers_tail, memory_order_acquire);
  if (end - head != count) ring_fail("a call is pending");
  for (; head != end; head++) {
    struct io_uring_cqe* answer = &ring.answers[head & ring.answers_mask];
    answered(answer->user_data, answer->res);
  }
  atomic_store_explicit(ring.answers_head, head, memory_order_release);
}
