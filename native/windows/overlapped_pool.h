// Owns operations until the kernel is done with them. What is still pending when the pool goes is
// left to the kernel: never freed rather than freed too early. Refuses to know what the operations
// are.
#pragma once

#include <cstddef>
#include <memory>
#include <unordered_map>

#include "operations.h"

namespace pollport {

class OverlappedPool {
 public:
  OverlappedPool() = default;
  OverlappedPool(const OverlappedPool&) = delete;
  OverlappedPool& operator=(const OverlappedPool&) = delete;
  ~OverlappedPool();

  Operation* take(OperationKind kind, SOCKET socket);
  // Nothing of it may be in flight.
  void give_back(Operation* operation);
  // The owner gives it up: freed now, or when its completion is dequeued and finds no owner. Does
  // nothing for nullptr.
  void let_go(Operation* operation);
  // What a completion port gave back. nullptr for a stranger: a socket keeps its port for life,
  // also when another thread owns it, so that completions of operations that another thread started
  // may come here; they are not to be touched.
  Operation* find(OVERLAPPED* overlapped) const;

  size_t in_flight() const;
  template <typename Use>
  void each(Use use) {
    for (const auto& [overlapped, operation] : operations_) use(*operation);
  }

 private:
  std::unordered_map<const OVERLAPPED*, std::unique_ptr<Operation>> operations_;
};

}  // namespace pollport
