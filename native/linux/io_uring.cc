// io_uring_setup(2) and io_uring_enter(2) by their numbers, and the few structures of
// include/uapi/linux/io_uring.h that they need: the binary is built where no header has them.

#include "io_uring.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

namespace pollport {

struct IoUring::Setup {
  struct Calls {
    uint32_t head, tail, ring_mask, ring_entries, flags, dropped, array, reserved;
    uint64_t user_address;
  };
  struct Answers {
    uint32_t head, tail, ring_mask, ring_entries, overflow, answers, flags, reserved;
    uint64_t user_address;
  };

  uint32_t call_count, answer_count, flags, thread_cpu, thread_idle, features, worker_fd;
  uint32_t reserved[3];
  Calls calls;
  Answers answers;
};

struct IoUring::Call {
  uint8_t opcode, flags;
  uint16_t priority;
  int32_t fd;
  uint64_t offset;
  uint64_t address;
  uint32_t length;
  uint32_t operation_flags;
  uint64_t user_data;
  uint64_t unused[3];
};

struct IoUring::Answer {
  uint64_t user_data;
  int32_t result;
  uint32_t flags;
};

namespace {

// The same on all architectures since system calls were unified (Linux 5.1).
constexpr long kIoUringSetup = 425;
constexpr long kIoUringEnter = 426;

constexpr uint8_t kOpSendMessage = 9;
constexpr uint8_t kOpAsyncCancel = 14;
constexpr uint8_t kOpSend = 26;
constexpr unsigned kEnterGetEvents = 1;
// One mapping for both queues, no answer is dropped, memory of a call is read before the enter
// returns; and the last of them came with Linux 5.7, which has all operations above.
constexpr uint32_t kNeededFeatures = 1U << 0 | 1U << 1 | 1U << 2 | 1U << 5;
constexpr int64_t kOffsetQueues = 0;
constexpr int64_t kOffsetCalls = 0x10000000;

// What the answer to a cancellation comes with: the number of no call.
constexpr uint64_t kNoCall = UINT64_MAX;
// A call that the kernel has taken, and not answered.
constexpr Result kPending = SendCall::kNotMade + 1;
// How soon a pending call is looked at again when the kernel refuses to wait for it, and how often
// before its connection is given up.
constexpr int kRefusedWaitMs = 1;
constexpr int kRefusedWaits = 1000;

uint32_t acquired(uint32_t& shared) {
  return std::atomic_ref<uint32_t>(shared).load(std::memory_order_acquire);
}
void release(uint32_t& shared, uint32_t value) {
  std::atomic_ref<uint32_t>(shared).store(value, std::memory_order_release);
}

uint64_t address_of(const void* memory) {
  // Safe: the kernel takes addresses as 64-bit numbers, and nobody makes a pointer of it again.
  return reinterpret_cast<uintptr_t>(memory);
}

// Errors that say nothing about the next enter: short of memory, interrupted.
bool may_pass(int error) {
  return error == EAGAIN || error == EBUSY || error == EINTR || error == ENOMEM;
}

// The answer to a call that was not made: canceled, interrupted, or of a kind that this kernel does
// not have.
bool is_not_made(int32_t result) {
  return result == -ECANCELED || result == -EINTR || result == -EINVAL;
}

}  // namespace

Mapping::Mapping(int ring, size_t bytes, int64_t offset) {
  void* at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, offset);
  if (at != MAP_FAILED) bytes_ = {static_cast<uint8_t*>(at), bytes};
}

Mapping::~Mapping() {
  if (!empty()) munmap(bytes_.data(), bytes_.size());
}

bool IoUring::is_allowed() {
  static const bool allowed = [] {
    std::unique_ptr<IoUring> ring;
    return create(ring) >= 0;
  }();
  return allowed;
}

Result IoUring::create(std::unique_ptr<IoUring>& out) {
  static_assert(sizeof(Setup) == 120 && sizeof(Call) == 64 && sizeof(Answer) == 16);
  // No flag is asked for: they make cheaper what is pending (io_uring_setup(2)), and nothing is.
  Setup setup{};
  UniqueFd ring(static_cast<int>(syscall(kIoUringSetup, kMaxBatchedCalls, &setup)));
  if (!ring) return -errno;
  if ((setup.features & kNeededFeatures) != kNeededFeatures) return -ENOSYS;
  const size_t queue_bytes = std::max(setup.calls.array + setup.call_count * sizeof(uint32_t),
                                      setup.answers.answers + setup.answer_count * sizeof(Answer));
  auto queues = std::make_unique<Mapping>(ring.get(), queue_bytes, kOffsetQueues);
  if (queues->empty()) return -errno;
  auto calls = std::make_unique<Mapping>(ring.get(), setup.call_count * sizeof(Call), kOffsetCalls);
  if (calls->empty()) return -errno;
  out = std::make_unique<IoUring>(std::move(ring), std::move(queues), std::move(calls), setup);
  return 0;
}

IoUring::IoUring(UniqueFd ring, std::unique_ptr<Mapping> queues, std::unique_ptr<Mapping> calls,
                 const Setup& setup)
    : ring_(std::move(ring)),
      queues_(std::move(queues)),
      call_memory_(std::move(calls)),
      calls_(call_memory_->at<Call>(0, setup.call_count)),
      answers_(queues_->at<const Answer>(setup.answers.answers, setup.answer_count)),
      head_(queues_->at<uint32_t>(setup.calls.head, 1)[0]),
      tail_(queues_->at<uint32_t>(setup.calls.tail, 1)[0]),
      answers_head_(queues_->at<uint32_t>(setup.answers.head, 1)[0]),
      answers_tail_(queues_->at<uint32_t>(setup.answers.tail, 1)[0]) {
  // The calls leave in the order in which they lie.
  uint32_t place = 0;
  for (uint32_t& call : queues_->at<uint32_t>(setup.calls.array, setup.call_count)) call = place++;
}

void IoUring::fill(size_t at, const SendCall& call) {
  Call& out = calls_[(tail_ + at) % calls_.size()] = {};
  out.fd = call.fd;
  // A socket without room would otherwise keep the call, and the memory with it.
  out.operation_flags = MSG_DONTWAIT | MSG_NOSIGNAL;
  out.user_data = at;
  if (call.vectors.size() == 1) {
    out.opcode = kOpSend;
    out.address = address_of(call.vectors[0].iov_base);
    out.length = static_cast<uint32_t>(call.vectors[0].iov_len);
    return;
  }
  msghdr& header = headers_[at] = {};
  header.msg_iov = call.vectors.data();
  header.msg_iovlen = call.vectors.size();
  out.opcode = kOpSendMessage;
  out.address = address_of(&header);
  out.length = 1;
}

size_t IoUring::submit(size_t count) {
  const uint32_t start = tail_;
  release(tail_, start + static_cast<uint32_t>(count));
  size_t taken = 0;
  while (taken < count && !refused_) {
    const long entered = syscall(kIoUringEnter, ring_.get(), count - taken, 0, 0, nullptr, 0);
    refused_ = entered < 0 && !may_pass(errno);
    taken = acquired(head_) - start;
    if (entered <= 0) break;  // plain calls do the rest
  }
  release(tail_, start + static_cast<uint32_t>(taken));
  return taken;
}

size_t IoUring::take_answers(std::span<SendCall> calls) {
  size_t count = 0;
  uint32_t head = answers_head_;
  for (const uint32_t end = acquired(answers_tail_); head != end; head++) {
    const Answer& answer = answers_[head % answers_.size()];
    if (answer.user_data == kNoCall) continue;
    calls[answer.user_data].sent = is_not_made(answer.result) ? SendCall::kNotMade : answer.result;
    count++;
  }
  release(answers_head_, head);
  return count;
}

bool IoUring::run(std::span<SendCall> calls) {
  calls = calls.first(std::min(calls.size(), calls_.size()));
  for (size_t i = 0; i < calls.size(); i++) fill(i, calls[i]);
  const size_t taken = submit(calls.size());
  for (SendCall& call : calls.first(taken)) call.sent = kPending;
  const size_t answered = take_answers(calls);
  // A call that does not wait is answered within the enter. Were one not, the kernel would have
  // the address of memory that is not ours.
  if (answered < taken) cancel_pending(calls, taken - answered);
  return !refused_;
}

void IoUring::cancel_pending(std::span<SendCall> calls, size_t pending) {
  for (int refusals = 0; pending > 0;) {
    size_t count = 0;
    for (size_t i = 0; i < calls.size(); i++) {
      if (calls[i].sent != kPending) continue;
      Call& out = calls_[(tail_ + count++) % calls_.size()] = {};
      out.opcode = kOpAsyncCancel;
      out.fd = -1;
      out.address = i;
      out.user_data = kNoCall;
    }
    submit(count);
    const long waited = syscall(kIoUringEnter, ring_.get(), 0, 1, kEnterGetEvents, nullptr, 0);
    if (waited < 0 && !may_pass(errno)) {
      refused_ = true;
      // Then the answer comes without an enter, and soon. At last the connection is shut down, for
      // which no call waits.
      if (++refusals == kRefusedWaits) {
        for (const SendCall& call : calls)
          if (call.sent == kPending) shutdown(call.fd, SHUT_RDWR);
      }
      poll(nullptr, 0, kRefusedWaitMs);
    }
    pending -= take_answers(calls);
  }
}

}  // namespace pollport
