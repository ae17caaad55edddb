// Asks the system for a timer that steps one millisecond, for as long as it lives. Refuses to know
// who waits.
#pragma once

#include "win.h"

namespace pollport {

class FineTimer {
 public:
  FineTimer() = default;
  FineTimer(const FineTimer&) = delete;
  FineTimer& operator=(const FineTimer&) = delete;
  ~FineTimer() {
    if (is_held_) timeEndPeriod(kStepMs);
  }

  // Once is enough. The system counts requests, and each is taken back by its own timeEndPeriod
  // (Microsoft Learn, "timeBeginPeriod function"). A refusal leaves waits as exact as they are:
  // late by a step of 15.6 ms at most.
  void hold() {
    if (!is_held_) is_held_ = timeBeginPeriod(kStepMs) == TIMERR_NOERROR;
  }

 private:
  static constexpr UINT kStepMs = 1;

  bool is_held_ = false;
};

}  // namespace pollport
