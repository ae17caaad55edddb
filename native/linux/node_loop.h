// Watches a pollable descriptor by the event loop of Node itself, without a thread. Refuses to know
// JavaScript, and libuv's headers: its functions are weak symbols.
#pragma once

#include <functional>
#include <memory>

#include "../contract/loop_watch.h"

namespace pollport {

// `loop` is a uv_loop_t that this thread runs; the rest as open_loop_watch() has it. On the same
// thread, `on_gone` is called once when the loop has closed everything, after the watch was
// destroyed. -ENOSYS where the process exports no libuv.
Result open_node_loop_watch(void* loop, int descriptor, std::function<void()> on_ready,
                            std::function<void()> on_gone, std::unique_ptr<LoopWatch>& out);

}  // namespace pollport
