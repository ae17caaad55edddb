// The socket calls of Winsock.

#include "../contract/socket.h"

#include <algorithm>
#include <climits>
#include <cmath>
#include <cstring>
#include <memory>
#include <mutex>
#include <unordered_set>

#include "../contract/clock.h"
#include "../contract/records.h"
#include "address.h"
#include "iocp.h"
#include "operations.h"
#include "socket_modes.h"

namespace pollport {
namespace {

SOCKET socket_of(Handle handle) { return static_cast<SOCKET>(handle); }

Result last_error() { return -static_cast<Result>(WSAGetLastError()); }

Result failure() { return WSAGetLastError() == WSAEWOULDBLOCK ? kWouldBlock : last_error(); }

// Safe: any object may be seen as char, which is what Winsock takes for bytes.
const char* chars(std::span<const uint8_t> bytes) {
  return reinterpret_cast<const char*>(bytes.data());
}
char* chars(std::span<uint8_t> bytes) { return reinterpret_cast<char*>(bytes.data()); }

// Winsock counts with int; a stream takes the rest with the next call.
int int_size(size_t size) { return size > INT_MAX ? INT_MAX : static_cast<int>(size); }

Result integer_option(Handle handle, int level, int name) {
  int value = 0;
  int length = sizeof value;
  // Safe: see chars().
  return getsockopt(socket_of(handle), level, name, reinterpret_cast<char*>(&value), &length) == 0
             ? value
             : last_error();
}

// A blocking call that waited as long as SO_RCVTIMEO or SO_SNDTIMEO says answers WSAETIMEDOUT.
// Without such a limit that error means that the connection broke.
Result failure_with_timeout(Handle handle, int timeout_option) {
  if (WSAGetLastError() != WSAETIMEDOUT) return failure();
  return integer_option(handle, SOL_SOCKET, timeout_option) > 0
             ? kWouldBlock
             : -static_cast<Result>(WSAETIMEDOUT);
}

// What came back for a datagram sent earlier is "connection reset" to Winsock; on Linux, and to
// anybody who reads the ICMP message, it is refused.
Result receive_failure(Handle handle) {
  if (WSAGetLastError() != WSAECONNRESET) return failure_with_timeout(handle, SO_RCVTIMEO);
  const bool is_datagram = integer_option(handle, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM;
  return -static_cast<Result>(is_datagram ? WSAECONNREFUSED : WSAECONNRESET);
}

Result address_of(Handle handle, PackedAddress& out, int(WSAAPI* call)(SOCKET, sockaddr*, int*)) {
  sockaddr_storage address{};
  int length = sizeof address;
  if (call(socket_of(handle), as_sockaddr(address), &length) != 0) return last_error();
  return from_sockaddr(address, length, out) ? 0 : -static_cast<Result>(WSAEAFNOSUPPORT);
}

// Whether the socket is ready for that within the time: 1, 0, or minus the error.
Result poll_for(Handle handle, short events, double timeout_ms) {
  WSAPOLLFD waiting{socket_of(handle), events, 0};
  const int ready = WSAPoll(&waiting, 1, static_cast<int>(timeout_ms));
  return ready >= 0 ? ready : last_error();
}

// A send that the system's own SO_SNDTIMEO ends does not tell how much went, and leaves a stream
// that nobody can go on with (Microsoft Learn, "SOL_SOCKET Socket Options"). So pieces are offered
// when there is room, for as long as the time lasts.
Result send_for(Handle handle, std::span<const uint8_t> bytes, Result timeout_ms) {
  constexpr size_t kPiece = 16 * 1024;
  const double deadline = clock_ms() + static_cast<double>(timeout_ms);
  size_t sent = 0;
  do {
    const Result ready =
        poll_for(handle, POLLWRNORM, std::ceil(std::max(deadline - clock_ms(), 0.0)));
    if (ready < 0 && sent == 0) return ready;
    if (ready <= 0) break;
    const std::span<const uint8_t> piece =
        bytes.subspan(sent, std::min(bytes.size() - sent, kPiece));
    const int taken = send(socket_of(handle), chars(piece), int_size(piece.size()), 0);
    if (taken < 0 && sent == 0) return failure();
    if (taken < 0) break;
    sent += static_cast<size_t>(taken);
  } while (sent < bytes.size());
  return sent == 0 && !bytes.empty() ? kWouldBlock : static_cast<Result>(sent);
}

// The system does not tell whether a socket is non-blocking: what was set is kept here, for all
// threads, since sockets are handed over.
struct NonBlocking {
  std::mutex mutex;
  std::unordered_set<SOCKET> sockets;
};

NonBlocking& non_blocking() {
  // Never destroyed: when the process ends, other threads may still close sockets.
  static NonBlocking* const only = std::make_unique<NonBlocking>().release();
  return *only;
}

void set_linger(SOCKET socket, const linger& lingering) {
  // Safe: see chars().
  setsockopt(socket, SOL_SOCKET, SO_LINGER, reinterpret_cast<const char*>(&lingering),
             sizeof lingering);
}

void forget_mode(SOCKET socket) {
  const std::lock_guard lock(non_blocking().mutex);
  non_blocking().sockets.erase(socket);
}

Result set_ioctl_flag(SOCKET socket, DWORD code, bool on) {
  BOOL value = on ? TRUE : FALSE;
  DWORD bytes = 0;
  return WSAIoctl(socket, code, &value, sizeof value, nullptr, 0, &bytes, nullptr, nullptr) == 0
             ? 0
             : last_error();
}

}  // namespace

void report_unreachable(SOCKET socket, bool on) {
  constexpr DWORD kUdpNetReset = _WSAIOW(IOC_VENDOR, 15);
  // Optional calls: a system without them has no such reports either.
  static_cast<void>(set_ioctl_flag(socket, SIO_UDP_CONNRESET, on));
  static_cast<void>(set_ioctl_flag(socket, kUdpNetReset, on));
}

void share_ports(SOCKET socket) {
  constexpr int kReuseUnicastPort = 0x3007;  // not in every SDK's headers
  const BOOL on = TRUE;
  // Safe: any object may be seen as char.
  static_cast<void>(setsockopt(socket, SOL_SOCKET, kReuseUnicastPort,
                               reinterpret_cast<const char*>(&on), sizeof on));
}

void close_and_forget(UniqueSocket& socket) {
  forget_mode(socket.get());
  socket.reset();
}

Result open_socket(SocketType type, bool ipv6, bool non_blocking) {
  UniqueSocket socket;
  if (const Result opened = open_overlapped_socket(type == SocketType::kUdp, ipv6, socket);
      opened < 0)
    return opened;
  // Otherwise one peer that is gone fails the next receive, which may be about another one
  // (Microsoft Learn, "Winsock IOCTLs").
  if (type == SocketType::kUdp) report_unreachable(socket.get(), false);
  forget_mode(socket.get());
  const auto handle = static_cast<Handle>(socket.get());
  if (non_blocking) {
    if (const Result set = set_non_blocking(handle, true); set < 0) return set;
  }
  socket.release();
  return handle;
}

Result close_socket(Handle handle) {
  forget_mode(socket_of(handle));
  return closesocket(socket_of(handle)) == 0 ? 0 : last_error();
}

Result reset_socket(Handle handle) {
  make_abortive(socket_of(handle));
  return close_socket(handle);
}

void make_abortive(SOCKET socket) { set_linger(socket, {1, 0}); }

int32_t as_lingering_says(SOCKET socket, int32_t how) {
  if (how == kReleaseReset) return how;  // asks for no time anyway
  linger lingering{};
  int length = sizeof lingering;
  // Safe: see chars().
  if (getsockopt(socket, SOL_SOCKET, SO_LINGER, reinterpret_cast<char*>(&lingering), &length) != 0)
    return how;
  if (lingering.l_onoff == 0) return how;
  if (lingering.l_linger == 0 && how == kReleaseClose) return kReleaseReset;
  set_linger(socket, {0, 0});
  return how;
}

Result bind_socket(Handle handle, const PackedAddress& address) {
  sockaddr_storage native{};
  const int length = to_sockaddr(address, native);
  return bind(socket_of(handle), as_sockaddr(native), length) == 0 ? 0 : last_error();
}

Result bind_to_connect(Handle handle, const PackedAddress& address) {
  if (address.port == 0) share_ports(socket_of(handle));
  return bind_socket(handle, address);
}

Result listen_socket(Handle handle, int32_t backlog) {
  // A plain number is cut to 200; as a hint, which is the number negated, it may be up to 65,535
  // (Microsoft Learn, "listen function").
  constexpr int32_t kMostPlain = 200;
  constexpr int32_t kMostHinted = 65535;
  const int asked = backlog <= kMostPlain ? backlog : -std::min(backlog, kMostHinted);
  return listen(socket_of(handle), asked) == 0 ? 0 : last_error();
}

Result accept_socket(Handle handle, PackedAddress& peer) {
  // Winsock keeps SO_RCVTIMEO for receiving alone, and a blocking accept() would not end.
  const Result timeout_ms = integer_option(handle, SOL_SOCKET, SO_RCVTIMEO);
  if (timeout_ms > 0 && get_non_blocking(handle) == 0) {
    const Result ready = poll_for(handle, POLLRDNORM, static_cast<double>(timeout_ms));
    if (ready <= 0) return ready == 0 ? kWouldBlock : ready;
  }
  sockaddr_storage address{};
  int length = sizeof address;
  UniqueSocket accepted(accept(socket_of(handle), as_sockaddr(address), &length));
  if (!accepted) return failure();
  // Every other socket of ours is opened with WSA_FLAG_NO_HANDLE_INHERIT; accept() has no such
  // flag, and a child process would hold the connection open. Between the two calls a process that
  // another thread starts may still get it: overlappedAccept() has no such gap. Safe: a SOCKET is a
  // handle of the kernel's (Microsoft Learn, "Socket Handles").
  static_cast<void>(
      SetHandleInformation(reinterpret_cast<HANDLE>(accepted.get()), HANDLE_FLAG_INHERIT, 0));
  from_sockaddr(address, length, peer);
  // An accepted socket takes the listener's mode on Windows, and is a new number that may have been
  // another socket's before.
  if (const Result set = set_non_blocking(static_cast<Handle>(accepted.get()), false); set < 0)
    return set;
  return static_cast<Handle>(accepted.release());
}

Result connect_socket(Handle handle, const PackedAddress& address) {
  sockaddr_storage native{};
  const int length = to_sockaddr(address, native);
  if (connect(socket_of(handle), as_sockaddr(native), length) != 0) return failure();
  // A UDP socket with one peer gets a report when nothing listens there, as on Linux.
  if (integer_option(handle, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM)
    report_unreachable(socket_of(handle), true);
  return 0;
}

Result send_socket(Handle handle, std::span<const uint8_t> bytes) {
  const Result timeout_ms = integer_option(handle, SOL_SOCKET, SO_SNDTIMEO);
  if (timeout_ms > 0 && get_non_blocking(handle) == 0) return send_for(handle, bytes, timeout_ms);
  const int sent = send(socket_of(handle), chars(bytes), int_size(bytes.size()), 0);
  return sent >= 0 ? sent : failure_with_timeout(handle, SO_SNDTIMEO);
}

Result recv_socket(Handle handle, std::span<uint8_t> into) {
  const int received = recv(socket_of(handle), chars(into), int_size(into.size()), 0);
  if (received >= 0) return received;
  // A connected UDP socket's datagram that was too long: its first part is there, as Linux gives
  // it.
  if (WSAGetLastError() == WSAEMSGSIZE) return static_cast<Result>(into.size());
  return receive_failure(handle);
}

Result send_to_socket(Handle handle, std::span<const uint8_t> bytes, const PackedAddress& to) {
  sockaddr_storage native{};
  const int length = to_sockaddr(to, native);
  const int sent = sendto(socket_of(handle), chars(bytes), int_size(bytes.size()), 0,
                          as_sockaddr(native), length);
  return sent >= 0 ? sent : failure_with_timeout(handle, SO_SNDTIMEO);
}

Result recv_from_socket(Handle handle, std::span<uint8_t> into, PackedAddress& peer) {
  sockaddr_storage address{};
  int length = sizeof address;
  const int received = recvfrom(socket_of(handle), chars(into), int_size(into.size()), 0,
                                as_sockaddr(address), &length);
  const bool truncated = received < 0 && WSAGetLastError() == WSAEMSGSIZE;
  if (received < 0 && !truncated) return receive_failure(handle);
  from_sockaddr(address, length, peer);
  peer.flag = truncated ? 1 : 0;
  return truncated ? static_cast<Result>(into.size()) : received;
}

Result shutdown_socket(Handle handle, Shutdown how) {
  const int native = how == Shutdown::kRead    ? SD_RECEIVE
                     : how == Shutdown::kWrite ? SD_SEND
                                               : SD_BOTH;
  return shutdown(socket_of(handle), native) == 0 ? 0 : last_error();
}

Result set_non_blocking(Handle handle, bool on) {
  u_long mode = on ? 1 : 0;
  if (ioctlsocket(socket_of(handle), static_cast<long>(FIONBIO), &mode) != 0) return last_error();
  const std::lock_guard lock(non_blocking().mutex);
  if (on) {
    non_blocking().sockets.insert(socket_of(handle));
  } else {
    non_blocking().sockets.erase(socket_of(handle));
  }
  return 0;
}

Result get_non_blocking(Handle handle) {
  const std::lock_guard lock(non_blocking().mutex);
  return non_blocking().sockets.count(socket_of(handle)) > 0 ? 1 : 0;
}

Result local_address(Handle handle, PackedAddress& out) {
  return address_of(handle, out, getsockname);
}

Result remote_address(Handle handle, PackedAddress& out) {
  return address_of(handle, out, getpeername);
}

Result take_error(Handle handle) { return integer_option(handle, SOL_SOCKET, SO_ERROR); }

Result describe_socket(Handle handle) {
  WSAPROTOCOL_INFOW protocol{};
  int length = sizeof protocol;
  // Safe: see chars().
  if (getsockopt(socket_of(handle), SOL_SOCKET, SO_PROTOCOL_INFOW,
                 reinterpret_cast<char*>(&protocol), &length) != 0)
    return last_error();
  if (protocol.iSocketType != SOCK_STREAM && protocol.iSocketType != SOCK_DGRAM)
    return -static_cast<Result>(WSAESOCKTNOSUPPORT);
  if (protocol.iAddressFamily != AF_INET && protocol.iAddressFamily != AF_INET6)
    return -static_cast<Result>(WSAEAFNOSUPPORT);
  Result described = (protocol.iSocketType == SOCK_DGRAM ? kDescribeUdp : 0) |
                     (protocol.iAddressFamily == AF_INET6 ? kDescribeIpv6 : 0);
  if (integer_option(handle, SOL_SOCKET, SO_ACCEPTCONN) > 0) described |= kDescribeListening;
  PackedAddress peer{};
  if (remote_address(handle, peer) == 0) described |= kDescribeConnected;
  return described;
}

Result set_raw_option(Handle handle, int32_t level, int32_t name, std::span<const uint8_t> value) {
  return setsockopt(socket_of(handle), level, name, chars(value), int_size(value.size())) == 0
             ? 0
             : last_error();
}

Result get_raw_option(Handle handle, int32_t level, int32_t name, std::span<uint8_t> into) {
  int length = int_size(into.size());
  return getsockopt(socket_of(handle), level, name, chars(into), &length) == 0 ? length
                                                                               : last_error();
}

}  // namespace pollport
