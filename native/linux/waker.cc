// Wakers by eventfd(2), and the table of the process by which other threads find them.

#include "../contract/waker.h"

#include <unistd.h>

#include <cerrno>
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

Result Waker::create(int64_t system_object, std::shared_ptr<Waker>& out) {
  const std::lock_guard lock(table().mutex);
  const int64_t number = table().next_number++;
  out = std::make_shared<Waker>(number, system_object);
  table().wakers.emplace(number, out.get());
  return 0;
}

Waker::~Waker() {
  // Under the lock that wake_by_number holds while it writes: the descriptor is not closed, and used by somebody else, in between.
  const std::lock_guard lock(table().mutex);
  table().wakers.erase(number_);
  close(static_cast<int>(system_object_));
}

void Waker::wake() {
  if (signalled_.exchange(true)) return;
  const uint64_t one = 1;
  // It can fail only when the counter is full, and then the waiter is signalled already.
  while (write(static_cast<int>(system_object_), &one, sizeof one) < 0 && errno == EINTR) {
  }
}

void Waker::drain() {
  uint64_t count = 0;
  while (read(static_cast<int>(system_object_), &count, sizeof count) < 0 && errno == EINTR) {
  }
  // After the read: a wake in between belongs to the wait that is just ending. Before it, that wake's write would be read away with its
  // mark left standing, and no later wake would ever write again.
  signalled_.store(false);
}

bool wake_by_number(int64_t number) {
  const std::lock_guard lock(table().mutex);
  const auto found = table().wakers.find(number);
  if (found == table().wakers.end()) return false;
  found->second->wake();
  return true;
}

}  // namespace pollport
