// The table of the process by which other threads find wakers. What a signal is, the system says.

#include "waker.h"

#include <mutex>
#include <unordered_map>

namespace pollport {
namespace {

struct Table {
  std::mutex mutex;
  std::unordered_map<int64_t, Waker*> wakers;
  int64_t next_number = 1;
};

Table& table() {
  // Never destroyed: when the process ends, other threads may still wake.
  static Table* const only = std::make_unique<Table>().release();
  return *only;
}

}  // namespace

void Waker::create(int64_t system_object, std::shared_ptr<Waker>& out) {
  const std::lock_guard lock(table().mutex);
  const int64_t number = table().next_number++;
  out = std::make_shared<Waker>(number, system_object);
  table().wakers.emplace(number, out.get());
}

Waker::~Waker() {
  // Under the lock that wake_by_number holds while it signals: the object is not closed, and its
  // number used by somebody else, in between.
  const std::lock_guard lock(table().mutex);
  table().wakers.erase(number_);
  close_wake_object(system_object_);
}

Result Waker::wake() {
  if (signalled_.exchange(true)) return 0;
  const Result signalled = signal_wake_object(system_object_);
  // Not signalled: then the next wake has to try again.
  if (signalled < 0) signalled_.store(false);
  return signalled;
}

bool Waker::take() {
  // A wake whose signal is only on its way is left to the next wait.
  if (!signalled_.load() || !clear_wake_object(system_object_)) return false;
  signalled_.store(false);
  return true;
}

void Waker::drain() {
  static_cast<void>(clear_wake_object(system_object_));
  // After the clearing: a wake in between belongs to the wait that is just ending. Before it, that
  // wake's signal would be cleared with its mark left standing, and no later wake would ever signal
  // again.
  signalled_.store(false);
}

Result wake_by_number(int64_t number) {
  // One wake at a time: a second one that counted on the first one's signal would be lost with it.
  const std::lock_guard lock(table().mutex);
  const auto found = table().wakers.find(number);
  if (found == table().wakers.end()) return 0;
  const Result woken = found->second->wake();
  return woken < 0 ? woken : 1;
}

}  // namespace pollport
