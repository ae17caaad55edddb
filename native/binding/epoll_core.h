// What the number of epollCreate stands for. Seen by the bindings of epoll and of the loop watch, by nobody else.
#pragma once

#include <memory>
#include <vector>

#include "../linux/exchange.h"
#include "environment.h"

namespace pollport {

struct EpollCore final : Closable {
  static constexpr int kKind = 1;
  int kind() const override { return kKind; }
  explicit EpollCore(std::unique_ptr<Epoll> epoll) : exchange(std::move(epoll)) {}

  Exchange exchange;
  std::vector<epoll_event> raw_events;  // epollWait's, kept so that a wait allocates nothing
};

}  // namespace pollport
