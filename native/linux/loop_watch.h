// Watches a pollable descriptor (an epoll descriptor is one) from a thread of its own. Refuses to
// know JavaScript.
#pragma once

#include <functional>
#include <memory>

#include "../contract/loop_watch.h"

namespace pollport {

// `descriptor` must stay open until the watch is destroyed.
Result open_loop_watch(int descriptor, std::function<void()> on_ready,
                       std::unique_ptr<LoopWatch>& out);

}  // namespace pollport
