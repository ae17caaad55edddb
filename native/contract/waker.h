// Ends a wait from any thread. Wakers are known by a number of the whole process, which is never
// used twice: a late wake reaches nobody instead of a stranger.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "result.h"

namespace pollport {

class Waker {
 public:
  // Owns the system's object from now on: an eventfd, or the completion port itself.
  static void create(int64_t system_object, std::shared_ptr<Waker>& out);
  Waker(int64_t number, int64_t system_object) : number_(number), system_object_(system_object) {}
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;
  ~Waker();

  int64_t number() const { return number_; }
  // What the waiter waits on.
  int64_t system_object() const { return system_object_; }

  // By the waiter, after the system has reported the wake: from now on a wake counts again.
  void drain();
  // By a waiter that does not ask the system this time: whether it was woken. If so, as drain().
  bool take();

 private:
  friend Result wake_by_number(int64_t number);
  // Many wakes before the waiter has noticed are one. Minus the error when the system has no memory
  // for the signal: then nobody is woken.
  Result wake();

  const int64_t number_;
  const int64_t system_object_;
  std::atomic<bool> signalled_{false};
};

// 1, 0 when its owner is closed, or minus the error: then nobody is woken.
Result wake_by_number(int64_t number);

// Supplied by each system in its own waker.cc.
Result signal_wake_object(int64_t object);
// Whether there was a signal.
bool clear_wake_object(int64_t object);
void close_wake_object(int64_t object);

}  // namespace pollport
