// What the loop watch needs of this build's core.
#pragma once

#include <functional>
#include <memory>

#include "../contract/loop_watch.h"
#include "environment.h"

namespace pollport {

// Supplied by the binding of this build's core (epoll.cc): opens a watch of the core with that number.
Result open_core_watch(Environment& environment, int32_t core, std::function<void()> on_ready, std::unique_ptr<LoopWatch>& out);

}  // namespace pollport
