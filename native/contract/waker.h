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

  // Many wakes before the waiter has noticed are one.
  void wake();
  // By the waiter, whom the system has told: from now on a wake counts anew.
  void drain();
  // By a waiter who does not ask the system this time: whether he was woken. If so, as drain().
  bool take();

 private:
  const int64_t number_;
  const int64_t system_object_;
  std::atomic<bool> signalled_{false};
};

// False when its owner is closed.
bool wake_by_number(int64_t number);

// Supplied by each system in its own waker.cc.
bool signal_wake_object(int64_t object);
// Whether there was a signal.
bool clear_wake_object(int64_t object);
void close_wake_object(int64_t object);

}  // namespace pollport
