// io_uring(7) as a list of sends: one io_uring_enter(2) makes all of them, each answers at once,
// and nothing is pending when run() returns. Refuses to know whose sockets they are.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "../contract/limits.h"
#include "../contract/result.h"
#include "unique_fd.h"

namespace pollport {

struct SendCall {
  // Below every error number: the kernel did not make the call, and a plain one may.
  static constexpr Result kNotMade = -0x50000000;

  int fd;
  std::span<iovec> vectors;
  Result sent = kNotMade;  // bytes taken, or minus errno
};

// Memory that the kernel shares.
class Mapping {
 public:
  // Of `ring`; empty if the kernel refuses, which errno then explains.
  Mapping(int ring, size_t bytes, int64_t offset);
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping();

  bool empty() const { return bytes_.empty(); }
  template <typename T>
  std::span<T> at(size_t offset, size_t count) const {
    // Safe: the kernel laid it out, gave the offset, and aligned each part for what it holds.
    return {reinterpret_cast<T*>(bytes_.data() + offset), count};
  }

 private:
  std::span<uint8_t> bytes_;
};

class IoUring {
 public:
  // The kernel's own structures: io_uring.cc.
  struct Setup;
  struct Call;
  struct Answer;

  // Whether this process gets a ring of the kernel: asked once, by setting one up.
  static bool is_allowed();
  static Result create(std::unique_ptr<IoUring>& out);
  // By create().
  IoUring(UniqueFd ring, std::unique_ptr<Mapping> queues, std::unique_ptr<Mapping> calls,
          const Setup& setup);

  // Makes at most kMaxBatchedCalls calls, on as many different sockets: two of one socket may be
  // made in either order. False once the kernel refuses to make any more.
  bool run(std::span<SendCall> calls);

 private:
  void fill(size_t at, const SendCall& call);
  // How many calls the kernel took, of `count` that were filled in.
  size_t submit(size_t count);
  // Notes what was answered, and returns how many calls that were.
  size_t take_answers(std::span<SendCall> calls);
  void cancel_pending(std::span<SendCall> calls, size_t pending);

  UniqueFd ring_;
  std::unique_ptr<Mapping> queues_;
  std::unique_ptr<Mapping> call_memory_;
  std::span<Call> calls_;
  std::span<const Answer> answers_;
  uint32_t& head_;  // of the calls; the kernel moves it
  uint32_t& tail_;
  uint32_t& answers_head_;
  uint32_t& answers_tail_;  // the kernel moves it
  std::array<msghdr, kMaxBatchedCalls> headers_{};
  bool refused_ = false;
};

}  // namespace pollport
