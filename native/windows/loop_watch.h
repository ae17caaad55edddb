// Watches a completion port from a thread of its own. Refuses to know JavaScript.
#pragma once

#include <functional>
#include <memory>

#include "../contract/loop_watch.h"
#include "iocp.h"

namespace pollport {

// `iocp` must live until the watch is destroyed.
Result open_loop_watch(Iocp& iocp, std::function<void()> on_ready, std::unique_ptr<LoopWatch>& out);

}  // namespace pollport
