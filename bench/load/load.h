// What every load has in common: the options, the clock, the window that is measured, the
// latencies, and the server seen from outside.
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct options {
  const char* mode;
  int port;
  pid_t pid;  // the server's
  int core;
  int connections;
  int bytes;        // of a message
  int each;         // fanout: messages to each member in a tick
  int active;       // rate: how many of the connections send; all if 0
  int window;       // udp-echo: datagrams in flight on each socket
  double rate;      // rate: messages a second in all
  double seconds;   // of the window
  double warm_up_seconds;
  bool ignore_extra;  // what is not ours is read and thrown away
  bool websocket;     // messages are frames of WebSocket
};

extern struct options options;

// The first byte of everything that the generator sends as a message; what a server sends of its
// own accord begins otherwise.
enum { kOurs = 0xe5 };

// A server that takes longer than this to answer at all has lost something: the run fails rather
// than lasts.
enum { kPatienceMs = 20000 };

_Noreturn void fail(const char* what);
_Noreturn void fail_with(const char* sentence);
int64_t now_ns(void);
struct sockaddr_in server_address(void);

// The window: nothing counts until the warm-up is over. `window_open` is asked once a turn of a
// loop; it starts and ends the measuring.
void window_begin(void);
bool window_open(int64_t now);
bool measuring(void);

// What happened inside the window; outside of it these do nothing.
void count_messages(uint64_t messages);
void count_bytes(uint64_t bytes);
void count_lost(uint64_t lost);
void record_latency(int64_t ns);

int64_t resident_bytes(void);
void set_resident(int64_t before, int64_t after);

// WebSocket, from the client's side.
extern const char websocket_request[];
// The prepared frame of a message, and how long it is.
uint8_t* websocket_message(int payload_bytes, int* frame_bytes);
// How long the frame is by which a server sends so many bytes.
int websocket_answer_bytes(int payload_bytes);
// Fails unless it is how such a frame begins.
void websocket_check_answer(const uint8_t* start, int64_t length);
// Writes a close frame of at most 8 bytes; returns its length.
int websocket_close(uint8_t* into);
// How long the server's answer to the request is, once it is whole; 0 before.
int64_t websocket_head_bytes(const uint8_t* received, int64_t length);

// The loads.
void load_echo(void);
void load_http(void);
void load_http_close(void);
void load_sink(void);
void load_source(void);
void load_rate(void);
void load_fanout(void);
void load_accept(void);
void load_idle(void);
void load_udp_echo(void);
void load_udp_fanout(void);
