// What a system offers beside calls: its socket options under pollport's names, and constants that
// a program may pass back.
#pragma once

#include <cstdint>
#include <span>

#include "result.h"

namespace pollport {

struct Constant {
  const char* name;
  int64_t value;
};

// The mechanism that the unified floor stands on here: "epoll" or "iocp".
const char* backend_name();
// Once for each thread, before anything else: what the system's sockets need.
Result start_sockets();
// Whether a wait can end between two milliseconds.
bool waits_for_fractions();
std::span<const Constant> constants();
std::span<const char* const> option_names();

// Linger as an option's value when it is off: set as -1, read as this, since below zero is an
// error.
constexpr Result kLingerOff = 0x7fffffff;

// `option` is an index into option_names(). Booleans are 0 or 1; times are milliseconds, rounded up
// to what the system counts in.
Result set_option(Handle handle, int32_t option, double value);
Result get_option(Handle handle, int32_t option, double& value);

}  // namespace pollport
