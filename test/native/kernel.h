// The random side of a kernel that is a program: what the test may have it do, and what it must
// have got back at the end.
#pragma once

#include <cstdint>
#include <functional>
#include <random>

#include "windows-headers/winsock2.h"

namespace kernel {

inline std::mt19937 random_numbers;
// 0 … below.
inline uint32_t upto(uint32_t below) { return static_cast<uint32_t>(random_numbers() % below); }
inline bool one_in(uint32_t chances) { return upto(chances) == 0; }

// Calls that a system may refuse are refused once in so many; 0 = never.
inline uint32_t refusals = 0;

// A system that does what a test says, and nothing by chance.
struct Will {
  bool is_certain = false;
  bool refuses_operations = false;  // has no memory for any
  bool refuses_posts = false;       // nor for a packet
  bool cancels_late = false;        // not before end_everything()
  uint32_t takes = 0;               // bytes of a send that does not wait
  int send_error = 0;               // what such a send fails with
  std::function<void()> when_idle;  // somebody waits, and there is nothing: what happens then
};
inline Will will;

// Takes the memory that it is going to need.
void start();

struct Held {
  size_t sockets;
  size_t events;
  size_t ports;
  size_t fine_timers;
};
// What nobody has closed. Sockets of operations that were left to the system are its own.
Held held();
size_t pending_operations();
// Of one socket, and how they are ended.
size_t pending_operations(SOCKET socket);
void end_operations_of(SOCKET socket, DWORD status = 0);
bool is_open(SOCKET socket);
// Bytes have come for it.
void bring(SOCKET socket, size_t bytes);
// Its close sends a reset, whatever is pending.
void make_abortive(SOCKET socket);
// Whether what is kept of the socket's number, that it does not block, is to be forgotten before
// its close.
void remember(SOCKET socket, bool on);
// Completions that nobody has dequeued, and those that are still to come.
size_t waiting_packets();
size_t left_to_the_system();

// Does something that a kernel does by itself: ends an operation well or badly, lets bytes come,
// breaks a connection.
void work();
// Everything that is pending ends, also what a port was closed over.
void end_everything();

SOCKET open_listener();
SOCKET open_connection();
SOCKET open_datagrams();
// A socket that keeps a port that is not ours.
void bind_to_a_strange_port(SOCKET socket);
// A completion of somebody else's operation, whose memory may be gone, comes to a port that is in
// use.
void post_a_strangers();

}  // namespace kernel
