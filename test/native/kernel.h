// The random side of a kernel that is a program: what the test may have it do, and what it must have got back at the end.
#pragma once

#include <cstdint>
#include <random>

#include "windows-headers/winsock2.h"

namespace kernel {

inline std::mt19937 random_numbers;
// 0 … below.
inline uint32_t upto(uint32_t below) { return static_cast<uint32_t>(random_numbers() % below); }
inline bool one_in(uint32_t chances) { return upto(chances) == 0; }

// Calls that a system may refuse are refused once in so many; 0 = never.
inline uint32_t refusals = 0;

// Takes the memory that it is going to need.
void start();

struct Held {
  size_t sockets;
  size_t events;
  size_t ports;
};
// What nobody has closed. Sockets of operations that were left to the system are its own.
Held held();
size_t pending_operations();
// Completions that nobody has dequeued.
size_t waiting_packets();
size_t left_to_the_system();

// Does something that a kernel does by itself: ends an operation well or badly, lets bytes come, breaks a connection.
void work();
// Everything that is pending ends, also what a port was closed over.
void end_everything();

SOCKET open_listener();
SOCKET open_connection();
SOCKET open_datagrams();
// A socket that keeps a port that is not ours.
void bind_to_a_strange_port(SOCKET socket);
// A completion of somebody else's operation, whose memory may be gone, comes to a port that is in use.
void post_a_strangers();

}  // namespace kernel
