// What a call into the system answers: zero or more is the answer, kWouldBlock says that it would
// have to wait, anything else below zero is the system's own error number, negated.
// lib/binding/socket.ts has the same numbers.
#pragma once

#include <cstdint>

namespace pollport {

using Result = int64_t;

// Far outside of any system's error numbers.
constexpr Result kWouldBlock = -0x40000000;
// A raw wait that only the waker ended.
constexpr Result kWoken = 0x40000000;

// The system's number of a socket: a descriptor, or a SOCKET.
using Handle = int64_t;

}  // namespace pollport
