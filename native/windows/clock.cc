// QueryPerformanceCounter: it does not step with the system's timer (Microsoft Learn, "Acquiring
// high-resolution time stamps").

#include "../contract/clock.h"

#include "win.h"

namespace pollport {

double clock_ms() {
  // Fixed at boot, and the call cannot fail on any Windows that Node runs on (Microsoft Learn,
  // "QueryPerformanceFrequency function").
  static const double ticks_per_ms = [] {
    LARGE_INTEGER frequency;
    QueryPerformanceFrequency(&frequency);
    return static_cast<double>(frequency.QuadPart) / 1000;
  }();
  LARGE_INTEGER count;
  QueryPerformanceCounter(&count);
  return static_cast<double>(count.QuadPart) / ticks_per_ms;
}

}  // namespace pollport
