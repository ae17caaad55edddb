// What the generator says as a WebSocket client (RFC 6455): one request, then frames that were
// masked in advance. The answers are whole frames of one length, so that counting bytes counts
// them.
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "load.h"

enum { kFin = 0x80, kBinary = 0x2, kClose = 0x8, kMasked = 0x80, kLength16 = 126 };

static const uint8_t key[4] = {0x37, 0xfa, 0x21, 0x3d};

const char websocket_request[] =
    "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

// The key above answered, which RFC 6455 has as its example (1.3).
static const char accepted[] = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

static int header_bytes(int payload_bytes) { return payload_bytes < kLength16 ? 2 : 4; }

int websocket_answer_bytes(int payload_bytes) {
  if (payload_bytes > 0xffff) fail_with("a frame has at most 65,535 bytes here");
  return header_bytes(payload_bytes) + payload_bytes;
}

// A masked frame. Returns its length.
static int write_frame(uint8_t* into, int opcode, const uint8_t* payload, int payload_bytes) {
  int at = header_bytes(payload_bytes);
  into[0] = (uint8_t)(kFin | opcode);
  into[1] = (uint8_t)(kMasked | (at == 2 ? payload_bytes : kLength16));
  if (at == 4) {
    into[2] = (uint8_t)(payload_bytes >> 8);
    into[3] = (uint8_t)payload_bytes;
  }
  memcpy(into + at, key, sizeof key);
  at += (int)sizeof key;
  for (int i = 0; i < payload_bytes; i++) into[at + i] = payload[i] ^ key[i % 4];
  return at + payload_bytes;
}

uint8_t* websocket_message(int payload_bytes, int* frame_bytes) {
  uint8_t* payload = malloc((size_t)payload_bytes);
  uint8_t* frame = malloc((size_t)payload_bytes + 8);
  if (payload == NULL || frame == NULL) fail("malloc");
  memset(payload, kOurs, (size_t)payload_bytes);
  *frame_bytes = write_frame(frame, kBinary, payload, payload_bytes);
  free(payload);
  return frame;
}

int websocket_close(uint8_t* into) {
  static const uint8_t normal[] = {1000 >> 8, 1000 & 0xff};
  return write_frame(into, kClose, normal, sizeof normal);
}

void websocket_check_answer(const uint8_t* start, int64_t length) {
  if (start[0] != (kFin | kBinary) || (length > 1 && (start[1] & kMasked) != 0))
    fail_with("the server sent something else than a binary frame");
}

int64_t websocket_head_bytes(const uint8_t* received, int64_t length) {
  static const char status[] = "HTTP/1.1 101";
  const char* end = memmem(received, (size_t)length, "\r\n\r\n", 4);
  if (end == NULL) return 0;
  if (memcmp(received, status, strlen(status)) != 0)
    fail_with("the server did not switch to WebSocket");
  if (memmem(received, (size_t)length, accepted, strlen(accepted)) == NULL)
    fail_with("the server did not accept the key");
  return end + 4 - (const char*)received;
}
