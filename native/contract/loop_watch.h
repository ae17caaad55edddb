// A thread that waits on a system object while Node's own loop runs, and says once, for each arm(),
// that there is something to take. Every system supplies this class; only the words of open()
// differ, since each watches an object of its own.
#pragma once

#include <functional>
#include <memory>

#include "result.h"

namespace pollport {

class LoopWatch {
 public:
  virtual ~LoopWatch() =
      default;  // ends the thread and waits for it; on_ready is not called any more
  // on_ready runs on the watching thread: once when the object has something, or after timeout_ms
  // (negative: no limit). Arming again while armed replaces the timeout.
  virtual Result arm(double timeout_ms) = 0;
  // Somebody has looked at the object without arming, and will again in the next turn of Node's
  // loop. Nothing to do for a thread, which sleeps until it is armed.
  virtual void looked() {}
  // Whether Node's loop goes on for this watch alone, as it does from the start. Nothing to do for
  // a thread: what it calls decides that.
  virtual void keep_alive(bool /*on*/) {}
};

}  // namespace pollport
