// A kernel that is a program: sockets, completion ports, events and a clock, in the words of
// windows-headers/. It writes to operations and their buffers late and in any order, as a kernel
// does, so that AddressSanitizer sees whoever frees too early; and it ends the process when it is
// asked for what Windows would not forgive: a handle closed twice, or used after.

#include "kernel.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

namespace {

using kernel::one_in;
using kernel::upto;

enum class Kind { kReceive, kSend, kReceiveFrom, kSendTo, kAccept, kConnect, kDisconnect };

struct Port {
  std::deque<OVERLAPPED_ENTRY> queue;
};

struct Socket {
  bool udp = false;
  bool listening = false;
  bool bound = false;
  bool has_port = false;
  uint64_t port = 0;
  ULONG_PTR key = 0;
  size_t unread = 0;
  bool ended = false;
  bool broken = false;
  bool abortive = false;
  bool remembered = false;
};

struct Pending {
  OVERLAPPED* overlapped = nullptr;
  Kind kind = Kind::kReceive;
  SOCKET socket = 0;
  uint64_t port = 0;
  ULONG_PTR key = 0;
  bool without_packet = false;  // the lowest bit of hEvent
  uint64_t event = 0;
  WSABUF buffer{};
  sockaddr* from = nullptr;
  int* from_length = nullptr;
  DWORD* flags = nullptr;
  SOCKET accepted = 0;
  bool cancelled = false;
  DWORD warning = 0;  // what it ends with, and the call that started it has failed with
};

struct Registered {
  uint64_t event = 0;
  void (*call)(void*, BOOLEAN) = nullptr;
  void* context = nullptr;
};

std::map<SOCKET, Socket> sockets;
std::map<uint64_t, Port> ports;
std::set<uint64_t> events;
std::set<uint64_t> set_events;
std::map<uint64_t, Registered> registered;
std::vector<Pending> pending;
// No leaks: their pool went while they were pending. Never destroyed, so that LeakSanitizer sees
// them from here.
std::vector<OVERLAPPED*>& left = *std::make_unique<std::vector<OVERLAPPED*>>().release();
uint64_t next_handle = 4;
int64_t now_ms = 1000;
size_t fine_timers = 0;
DWORD last_error = 0;

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "the kernel was asked for what it does not forgive: %s\n", what);
  std::abort();
}

uint64_t new_handle() { return next_handle += 4; }

bool refuses() {
  return !kernel::will.is_certain && kernel::refusals != 0 && one_in(kernel::refusals);
}

int failed(DWORD error) {
  last_error = error;
  return -1;
}

Socket& socket_of(SOCKET number) {
  const auto found = sockets.find(number);
  if (found == sockets.end()) die("a call with a socket that is closed");
  return found->second;
}

SOCKET open(bool udp) {
  const SOCKET number = new_handle();
  sockets[number].udp = udp;
  return number;
}

uint64_t number_of(HANDLE handle) { return reinterpret_cast<uintptr_t>(handle); }
HANDLE handle_of(uint64_t number) {
  return reinterpret_cast<HANDLE>(static_cast<uintptr_t>(number));
}

void signal(uint64_t event) {
  if (event == 0 || events.count(event) == 0)
    return;  // closed: the kernel's own reference is nobody's business
  for (const auto& [number, wait] : registered) {
    if (wait.event != event) continue;
    wait.call(wait.context, FALSE);
    return;
  }
}

// What programs have set, the waits' own thread sees a moment later.
void signal_those_set() {
  for (const uint64_t event : std::exchange(set_events, {})) signal(event);
}

void fill_address(sockaddr* address, int* length) {
  sockaddr_in made{};
  made.sin_family = AF_INET;
  made.sin_port = static_cast<in_port_t>(upto(65536));
  std::memcpy(address, &made, sizeof made);
  *length = sizeof made;
}

// The moment at which a kernel touches what it was given.
void complete(size_t at, DWORD status) {
  const Pending ended = pending[at];
  if (ended.warning != 0) status = ended.warning;
  pending.erase(pending.begin() + static_cast<std::ptrdiff_t>(at));
  // Nobody waits for it any more: its pool went while it was pending. An accepted socket ends with
  // it.
  if (ended.without_packet ? events.count(ended.event) == 0 : ports.count(ended.port) == 0) {
    left.push_back(ended.overlapped);
    sockets.erase(ended.accepted);
  }
  DWORD bytes = 0;
  if (status == 0 || status == STATUS_BUFFER_OVERFLOW) {
    const bool receives = ended.kind == Kind::kReceive || ended.kind == Kind::kReceiveFrom;
    if (receives || ended.kind == Kind::kSend || ended.kind == Kind::kSendTo) {
      bytes = status == STATUS_BUFFER_OVERFLOW ? ended.buffer.len : upto(ended.buffer.len + 1);
      // A send of a stream is taken whole: Windows completes it when all of it is.
      if (!receives) bytes = ended.buffer.len;
      for (DWORD i = 0; i < bytes; i++) {
        volatile char* byte = ended.buffer.buf + i;
        if (receives)
          *byte = 'k';
        else
          static_cast<void>(*byte);
      }
    }
    if (ended.from != nullptr) fill_address(ended.from, ended.from_length);
    if (ended.kind == Kind::kAccept) {
      int length = 0;
      // Safe: the buffer was made for two addresses.
      fill_address(reinterpret_cast<sockaddr*>(ended.buffer.buf), &length);
    }
    const auto found = sockets.find(ended.socket);
    if (ended.kind == Kind::kConnect && found != sockets.end())
      found->second.unread = upto(3) * 1000;
  }
  if (ended.flags != nullptr) *ended.flags = 0;
  ended.overlapped->InternalHigh = bytes;
  ended.overlapped->Internal = status;
  if (ended.without_packet) return signal(ended.event);
  const auto port = ports.find(ended.port);
  if (port != ports.end())
    port->second.queue.push_back({ended.key, ended.overlapped, status, bytes});
}

// 0 = a completion follows or has come; -1 = none does.
int start(Pending operation, OVERLAPPED* overlapped, DWORD refusal = WSAENOBUFS) {
  const Socket& socket = socket_of(operation.socket);
  if (refuses()) return failed(refusal);
  if (kernel::will.refuses_operations) return failed(WSAENOBUFS);
  if (socket.broken && operation.kind != Kind::kReceiveFrom) return failed(WSAECONNRESET);
  operation.overlapped = overlapped;
  operation.port = socket.port;
  operation.key = socket.key;
  const uint64_t event = number_of(overlapped->hEvent);
  operation.without_packet = (event & 1) != 0 || !socket.has_port;
  operation.event = event & ~uint64_t{1};
  overlapped->Internal = STATUS_PENDING;
  pending.push_back(operation);
  if (kernel::will.is_certain) return failed(WSA_IO_PENDING);
  const bool receives = operation.kind == Kind::kReceive || operation.kind == Kind::kReceiveFrom;
  if (receives && socket.udp && one_in(16)) {
    // Too long, and there already: the call fails, and its completion comes all the same, at once
    // or later.
    pending.back().warning = STATUS_BUFFER_OVERFLOW;
    if (one_in(2)) complete(pending.size() - 1, 0);
    return failed(WSAEMSGSIZE);
  }
  if (one_in(4)) {
    complete(pending.size() - 1, 0);
    return 0;
  }
  return failed(WSA_IO_PENDING);
}

BOOL accept_ex(SOCKET listener, SOCKET accepted, void* buffer, DWORD, DWORD local, DWORD remote,
               DWORD*, OVERLAPPED* overlapped) {
  socket_of(accepted).bound = true;
  Pending operation;
  operation.kind = Kind::kAccept;
  operation.socket = listener;
  operation.accepted = accepted;
  operation.buffer = {local + remote, static_cast<char*>(buffer)};
  return start(operation, overlapped, one_in(2) ? WSAECONNRESET : WSAENOBUFS) == 0 ? TRUE : FALSE;
}

void get_accept_ex_sockaddrs(void* buffer, DWORD, DWORD, DWORD, sockaddr** local, int* local_length,
                             sockaddr** remote, int* remote_length) {
  // Safe: where complete() has written an address.
  *local = *remote = static_cast<sockaddr*>(buffer);
  *local_length = *remote_length = sizeof(sockaddr_in);
}

BOOL connect_ex(SOCKET socket, const sockaddr*, int, void*, DWORD, DWORD*, OVERLAPPED* overlapped) {
  if (!socket_of(socket).bound) die("ConnectEx on a socket that is not bound");
  Pending operation;
  operation.kind = Kind::kConnect;
  operation.socket = socket;
  return start(operation, overlapped) == 0 ? TRUE : FALSE;
}

BOOL disconnect_ex(SOCKET socket, OVERLAPPED* overlapped, DWORD, DWORD) {
  Pending operation;
  operation.kind = Kind::kDisconnect;
  operation.socket = socket;
  return start(operation, overlapped) == 0 ? TRUE : FALSE;
}

// Cancelled operations end at once, soon, or so late that nobody waits any more.
void cancel(SOCKET socket, const OVERLAPPED* only) {
  for (size_t at = pending.size(); at-- > 0;) {
    if (pending[at].socket != socket || (only != nullptr && pending[at].overlapped != only))
      continue;
    pending[at].cancelled = true;
    const bool at_once = kernel::will.is_certain ? !kernel::will.cancels_late : one_in(2);
    if (at_once) complete(at, STATUS_CANCELLED);
  }
}

DWORD some_error(const Pending& operation) {
  if (operation.cancelled) return one_in(8) ? 0 : STATUS_CANCELLED;
  if (!one_in(5)) return 0;
  switch (operation.kind) {
    case Kind::kReceiveFrom:
      return one_in(3)   ? STATUS_BUFFER_OVERFLOW
             : one_in(2) ? STATUS_INSUFFICIENT_RESOURCES
                         : STATUS_PORT_UNREACHABLE;
    case Kind::kAccept:
      return one_in(2) ? STATUS_TOO_MANY_OPENED_FILES : STATUS_CONNECTION_RESET;
    case Kind::kConnect:
      return one_in(2) ? STATUS_CONNECTION_REFUSED : STATUS_CONNECTION_RESET;
    default:
      return one_in(4) ? STATUS_INSUFFICIENT_RESOURCES : STATUS_CONNECTION_RESET;
  }
}

}  // namespace

int WSAGetLastError() { return static_cast<int>(last_error); }
DWORD GetLastError() { return last_error; }

SOCKET WSASocketW(int, int type, int, void*, int, DWORD) {
  if (!refuses()) return open(type == SOCK_DGRAM);
  last_error = WSAENOBUFS;
  return INVALID_SOCKET;
}

int closesocket(SOCKET socket) {
  const auto closed = sockets.find(socket);
  if (closed == sockets.end()) die("a socket closed twice");
  if (closed->second.remembered) die("a socket closed whose number still has a mode");
  for (const Pending& one : pending) {
    if (one.socket != socket || one.kind != Kind::kReceive || one.cancelled || closed->second.udp ||
        closed->second.abortive)
      continue;
    die("a connection closed over a receive that nobody has cancelled: it sends a reset");
  }
  sockets.erase(closed);
  cancel(socket, nullptr);
  return 0;
}

int WSARecv(SOCKET socket, WSABUF* buffers, DWORD, DWORD*, DWORD* flags, OVERLAPPED* overlapped,
            void*) {
  Pending operation;
  operation.socket = socket;
  operation.buffer = buffers[0];
  operation.flags = flags;
  return start(operation, overlapped);
}

int WSASend(SOCKET socket, WSABUF* buffers, DWORD count, DWORD* bytes, DWORD,
            OVERLAPPED* overlapped, void*) {
  if (overlapped == nullptr) {
    if (socket_of(socket).broken) return failed(WSAECONNRESET);
    if (kernel::will.send_error != 0) return failed(static_cast<DWORD>(kernel::will.send_error));
    if (kernel::will.is_certain ? kernel::will.takes == 0 : one_in(3))
      return failed(WSAEWOULDBLOCK);
    *bytes = 0;
    for (DWORD i = 0; i < count; i++) {
      for (DWORD at = 0; at < buffers[i].len; at++)
        static_cast<void>(static_cast<volatile char*>(buffers[i].buf)[at]);
      *bytes += buffers[i].len;
    }
    if (kernel::will.is_certain) {
      *bytes = std::min(*bytes, kernel::will.takes);
      kernel::will.takes -= *bytes;
    } else if (one_in(2)) {
      *bytes = upto(*bytes + 1);
    }
    return 0;
  }
  Pending operation;
  operation.kind = Kind::kSend;
  operation.socket = socket;
  operation.buffer = buffers[0];
  return start(operation, overlapped);
}

int WSARecvFrom(SOCKET socket, WSABUF* buffers, DWORD, DWORD*, DWORD* flags, sockaddr* from,
                int* length, OVERLAPPED* overlapped, void*) {
  Pending operation;
  operation.kind = Kind::kReceiveFrom;
  operation.socket = socket;
  operation.buffer = buffers[0];
  operation.from = from;
  operation.from_length = length;
  operation.flags = flags;
  return start(operation, overlapped, one_in(2) ? WSAECONNRESET : WSAENOBUFS);
}

int WSASendTo(SOCKET socket, WSABUF* buffers, DWORD, DWORD* bytes, DWORD, const sockaddr*, int,
              OVERLAPPED* overlapped, void*) {
  socket_of(socket);
  if (overlapped == nullptr) {
    if (one_in(3)) return failed(WSAEWOULDBLOCK);
    if (one_in(8)) return failed(WSAEINVAL);
    *bytes = buffers[0].len;
    return 0;
  }
  Pending operation;
  operation.kind = Kind::kSendTo;
  operation.socket = socket;
  operation.buffer = buffers[0];
  return start(operation, overlapped);
}

int WSAIoctl(SOCKET, DWORD code, void* in, DWORD, void* out, DWORD, DWORD*, OVERLAPPED*, void*) {
  if (code != SIO_GET_EXTENSION_FUNCTION_POINTER) return 0;
  const int id = static_cast<GUID*>(in)->id;
  // Safe: the caller has a variable of the type that belongs to the identifier.
  if (id == WSAID_ACCEPTEX.id) *static_cast<LPFN_ACCEPTEX*>(out) = accept_ex;
  if (id == WSAID_GETACCEPTEXSOCKADDRS.id)
    *static_cast<LPFN_GETACCEPTEXSOCKADDRS*>(out) = get_accept_ex_sockaddrs;
  if (id == WSAID_CONNECTEX.id) *static_cast<LPFN_CONNECTEX*>(out) = connect_ex;
  if (id == WSAID_DISCONNECTEX.id) *static_cast<LPFN_DISCONNECTEX*>(out) = disconnect_ex;
  return 0;
}

int recv(SOCKET number, char* into, int length, int) {
  Socket& socket = socket_of(number);
  const size_t got = std::min(socket.unread, static_cast<size_t>(length));
  std::memset(into, 'k', got);
  socket.unread -= got;
  if (got > 0) return static_cast<int>(got);
  if (socket.broken) return failed(WSAECONNRESET);
  return socket.ended ? 0 : failed(WSAEWOULDBLOCK);
}

int bind(SOCKET socket, sockaddr*, int) {
  socket_of(socket).bound = true;
  return 0;
}

int getsockname(SOCKET socket, sockaddr* address, int* length) {
  if (!socket_of(socket).bound) return failed(WSAEINVAL);
  fill_address(address, length);
  return 0;
}

int getsockopt(SOCKET socket, int, int, char* value, int* length) {
  socket_of(socket);
  std::memset(value, 0, static_cast<size_t>(*length));
  return 0;
}

int setsockopt(SOCKET socket, int, int name, const char* value, int length) {
  socket_of(socket);
  for (int i = 0; i < length; i++) static_cast<void>(static_cast<const volatile char*>(value)[i]);
  return name == SO_UPDATE_ACCEPT_CONTEXT && refuses() ? failed(WSAECONNRESET) : 0;
}

BOOL CancelIoEx(HANDLE file, OVERLAPPED* overlapped) {
  socket_of(number_of(file));
  const bool found = std::any_of(pending.begin(), pending.end(),
                                 [&](const Pending& one) { return one.overlapped == overlapped; });
  if (!found) {
    last_error = ERROR_NOT_FOUND;
    return FALSE;
  }
  cancel(number_of(file), overlapped);
  return TRUE;
}

HANDLE CreateIoCompletionPort(HANDLE file, HANDLE port, ULONG_PTR key, DWORD) {
  if (refuses()) {
    last_error = ERROR_NOT_ENOUGH_MEMORY;
    return nullptr;
  }
  if (file == INVALID_HANDLE_VALUE) {
    const uint64_t number = new_handle();
    ports[number];
    return handle_of(number);
  }
  Socket& socket = socket_of(number_of(file));
  if (socket.has_port) {
    last_error = ERROR_INVALID_PARAMETER;
    return nullptr;
  }
  socket.has_port = true;
  socket.port = number_of(port);
  socket.key = key;
  return port;
}

BOOL GetQueuedCompletionStatusEx(HANDLE port, OVERLAPPED_ENTRY* entries, ULONG count, ULONG* got,
                                 DWORD timeout_ms, BOOL) {
  const auto found = ports.find(number_of(port));
  if (found == ports.end()) die("a wait at a port that is closed");
  std::deque<OVERLAPPED_ENTRY>& queue = found->second.queue;
  signal_those_set();
  if (kernel::will.is_certain) {
    if (queue.empty() && timeout_ms > 0 && kernel::will.when_idle) kernel::will.when_idle();
    if (queue.empty() && timeout_ms == INFINITE)
      die("a wait for ever, and nothing that could end it");
  } else {
    for (int tries = 0; queue.empty() && timeout_ms > 0 && tries < 64; tries++) kernel::work();
  }
  if (queue.empty()) {
    now_ms += timeout_ms;
    last_error = WAIT_TIMEOUT;
    return FALSE;
  }
  for (*got = 0; *got < count && !queue.empty(); (*got)++) {
    entries[*got] = queue.front();
    queue.pop_front();
  }
  return TRUE;
}

BOOL PostQueuedCompletionStatus(HANDLE port, DWORD bytes, ULONG_PTR key, OVERLAPPED* overlapped) {
  const auto found = ports.find(number_of(port));
  if (found == ports.end()) die("a packet for a port that is closed");
  if (refuses() || kernel::will.refuses_posts) {
    last_error = ERROR_NOT_ENOUGH_MEMORY;
    return FALSE;
  }
  found->second.queue.push_back({key, overlapped, 0, bytes});
  return TRUE;
}

BOOL SetEvent(HANDLE event) {
  if (events.count(number_of(event)) == 0) die("an event set that is closed");
  set_events.insert(number_of(event));
  return TRUE;
}

void Sleep(DWORD ms) { now_ms += ms; }

BOOL CloseHandle(HANDLE handle) {
  set_events.erase(number_of(handle));
  if (events.erase(number_of(handle)) == 0 && ports.erase(number_of(handle)) == 0)
    die("a handle closed twice");
  return TRUE;
}

HANDLE CreateEventW(void*, BOOL, BOOL, const wchar_t*) {
  if (refuses()) {
    last_error = ERROR_NOT_ENOUGH_MEMORY;
    return nullptr;
  }
  return handle_of(*events.insert(new_handle()).first);
}

BOOL RegisterWaitForSingleObject(HANDLE* wait, HANDLE event, void (*call)(void*, BOOLEAN),
                                 void* context, ULONG, ULONG) {
  if (refuses()) {
    last_error = ERROR_NOT_ENOUGH_MEMORY;
    return FALSE;
  }
  const uint64_t number = new_handle();
  registered[number] = {number_of(event), call, context};
  *wait = handle_of(number);
  return TRUE;
}

BOOL UnregisterWaitEx(HANDLE wait, HANDLE) {
  if (registered.erase(number_of(wait)) == 0) die("a wait unregistered twice");
  return TRUE;
}

BOOL QueryPerformanceFrequency(LARGE_INTEGER* out) {
  out->QuadPart = 1000;
  return TRUE;
}

BOOL QueryPerformanceCounter(LARGE_INTEGER* out) {
  out->QuadPart = now_ms;
  return TRUE;
}

UINT timeBeginPeriod(UINT) {
  fine_timers++;
  return TIMERR_NOERROR;
}
UINT timeEndPeriod(UINT) {
  fine_timers--;
  return TIMERR_NOERROR;
}

namespace kernel {

void start() { pending.reserve(size_t{1} << 14); }

Held held() { return {sockets.size(), events.size(), ports.size(), fine_timers}; }
size_t pending_operations() { return pending.size(); }
size_t pending_operations(SOCKET socket) {
  return static_cast<size_t>(std::count_if(
      pending.begin(), pending.end(), [&](const Pending& one) { return one.socket == socket; }));
}
void end_operations_of(SOCKET socket, DWORD status) {
  for (size_t at = pending.size(); at-- > 0;) {
    if (pending[at].socket == socket)
      complete(at, pending[at].cancelled ? STATUS_CANCELLED : status);
  }
}
bool is_open(SOCKET socket) { return sockets.count(socket) > 0; }
void bring(SOCKET socket, size_t bytes) { socket_of(socket).unread += bytes; }
void make_abortive(SOCKET socket) { socket_of(socket).abortive = true; }
void remember(SOCKET socket, bool on) { socket_of(socket).remembered = on; }
size_t waiting_packets() {
  size_t count = set_events.size();
  for (const auto& [number, port] : ports) count += port.queue.size();
  return count;
}
size_t left_to_the_system() { return left.size(); }

void work() {
  now_ms++;
  signal_those_set();
  if (!sockets.empty() && one_in(3)) {
    auto at = sockets.begin();
    std::advance(at, upto(static_cast<uint32_t>(sockets.size())));
    if (one_in(2)) at->second.unread += upto(10'000);
    if (one_in(12)) at->second.ended = true;
    if (one_in(20)) at->second.broken = !at->second.udp && !at->second.listening;
  }
  if (pending.empty()) return;
  const size_t at = upto(static_cast<uint32_t>(pending.size()));
  // One that was cancelled takes its time, now and then all of it.
  if (!pending[at].cancelled || one_in(3)) complete(at, some_error(pending[at]));
}

void end_everything() {
  while (!pending.empty()) complete(pending.size() - 1, STATUS_CANCELLED);
}

SOCKET open_listener() {
  const SOCKET socket = open(false);
  sockets[socket].listening = sockets[socket].bound = true;
  remember(socket, true);
  return socket;
}

SOCKET open_connection() {
  const SOCKET socket = open(false);
  sockets[socket].unread = upto(20'000);
  remember(socket, true);
  return socket;
}

SOCKET open_datagrams() {
  const SOCKET socket = open(true);
  sockets[socket].bound = true;
  remember(socket, true);
  return socket;
}

void bind_to_a_strange_port(SOCKET socket) { socket_of(socket).has_port = true; }

void post_a_strangers() {
  if (ports.empty()) return;
  auto at = ports.begin();
  std::advance(at, upto(static_cast<uint32_t>(ports.size())));
  // Safe: nobody may read through it, which is what this is for.
  auto* const nobodys = reinterpret_cast<OVERLAPPED*>(uintptr_t{0x10});
  at->second.queue.push_back({uint64_t{1} << 32 | upto(8), nobodys, 0, upto(100)});
}

}  // namespace kernel
