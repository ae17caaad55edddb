// The set of live operations.

#include "overlapped_pool.h"

#include <algorithm>

#include "socket_modes.h"

namespace pollport {

OverlappedPool::~OverlappedPool() {
  // First, since what is in flight may end by it.
  for (auto& [overlapped, operation] : operations_) {
    if (operation->closing) close_and_forget(operation->closing);
  }
  for (auto& [overlapped, operation] : operations_) {
    if (!operation->in_flight || is_complete(*operation)) continue;
    // The port goes away: nobody may post to its number.
    operation->event_post.reset();
    static_cast<void>(operation.release());
  }
}

Operation* OverlappedPool::take(OperationKind kind, SOCKET socket) {
  auto operation = std::make_unique<Operation>();
  operation->kind = kind;
  operation->socket = socket;
  Operation* taken = operation.get();
  operations_.emplace(taken, std::move(operation));
  return taken;
}

void OverlappedPool::give_back(Operation* operation) { operations_.erase(operation); }

void OverlappedPool::let_go(Operation* operation) {
  if (operation != nullptr && !operation->in_flight) give_back(operation);
}

Operation* OverlappedPool::find(OVERLAPPED* overlapped) const {
  const auto found = operations_.find(overlapped);
  return found == operations_.end() ? nullptr : found->second.get();
}

size_t OverlappedPool::in_flight() const {
  return static_cast<size_t>(
      std::count_if(operations_.begin(), operations_.end(),
                    [](const auto& entry) { return entry.second->in_flight; }));
}

}  // namespace pollport
