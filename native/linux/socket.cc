// The socket calls of Linux. A signal never shortens one: EINTR is answered by calling again, with
// what is left of the socket's own timeout.

#include "../contract/socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "address.h"
#include "would_block.h"

namespace pollport {
namespace {

int fd_of(Handle handle) { return static_cast<int>(handle); }

Result failure() { return would_block(errno) ? kWouldBlock : -errno; }

int64_t now_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

// Calls until it is not a signal that ended the call. `timeout_option` is SO_RCVTIMEO or
// SO_SNDTIMEO: a blocking call that is made again would get the whole time anew, and signals that
// keep coming would make it wait for ever; so the rest is waited out in poll().
template <typename Call>
ssize_t through_signals(int fd, int timeout_option, short events, Call call) {
  const int64_t started = now_ms();
  for (;;) {
    const ssize_t result = call();
    if (result >= 0 || errno != EINTR) return result;
    timeval timeout{};
    socklen_t length = sizeof timeout;
    getsockopt(fd, SOL_SOCKET, timeout_option, &timeout, &length);
    if (timeout.tv_sec == 0 && timeout.tv_usec == 0) continue;
    const int64_t whole =
        static_cast<int64_t>(timeout.tv_sec) * 1000 + (timeout.tv_usec + 999) / 1000;
    const int64_t left = whole - (now_ms() - started);
    pollfd waiting{fd, events, 0};
    if (left <= 0 || poll(&waiting, 1, static_cast<int>(std::min<int64_t>(left, INT_MAX))) == 0) {
      errno = EAGAIN;
      return -1;
    }
  }
}

Result address_of(Handle handle, PackedAddress& out, int (*call)(int, sockaddr*, socklen_t*)) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (call(fd_of(handle), as_sockaddr(address), &length) != 0) return -errno;
  return from_sockaddr(address, length, out) ? 0 : -EAFNOSUPPORT;
}

Result integer_option(Handle handle, int level, int name) {
  int value = 0;
  socklen_t length = sizeof value;
  return getsockopt(fd_of(handle), level, name, &value, &length) == 0 ? value : -errno;
}

}  // namespace

Result open_socket(SocketType type, bool ipv6, bool non_blocking) {
  const int kind = (type == SocketType::kTcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC |
                   (non_blocking ? SOCK_NONBLOCK : 0);
  const int fd = socket(ipv6 ? AF_INET6 : AF_INET, kind, 0);
  return fd >= 0 ? fd : -errno;
}

Result close_socket(Handle handle) {
  // Not retried on EINTR: the descriptor is gone by then (close(2)), and may already be somebody
  // else's.
  return close(fd_of(handle)) == 0 || errno == EINTR ? 0 : -errno;
}

Result reset_socket(Handle handle) {
  const linger abort{1, 0};
  setsockopt(fd_of(handle), SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
  return close_socket(handle);
}

Result bind_socket(Handle handle, const PackedAddress& address) {
  sockaddr_storage native{};
  const socklen_t length = to_sockaddr(address, native);
  return bind(fd_of(handle), as_sockaddr(native), length) == 0 ? 0 : -errno;
}

Result bind_to_connect(Handle handle, const PackedAddress& address) {
  const int on = 1;
  // ip(7), since Linux 4.2; an older kernel has fewer ports. IPv6 sockets have no option of their
  // own for it.
  if (address.port == 0)
    setsockopt(fd_of(handle), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  return bind_socket(handle, address);
}

Result listen_socket(Handle handle, int32_t backlog) {
  return listen(fd_of(handle), backlog) == 0 ? 0 : -errno;
}

Result accept_socket(Handle handle, PackedAddress& peer) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  const ssize_t accepted = through_signals(fd_of(handle), SO_RCVTIMEO, POLLIN, [&] {
    length = sizeof address;
    return accept4(fd_of(handle), as_sockaddr(address), &length, SOCK_CLOEXEC);
  });
  if (accepted < 0) return failure();
  from_sockaddr(address, length, peer);
  return accepted;
}

Result connect_socket(Handle handle, const PackedAddress& address) {
  sockaddr_storage native{};
  const socklen_t length = to_sockaddr(address, native);
  if (connect(fd_of(handle), as_sockaddr(native), length) == 0) return 0;
  if (errno == EINPROGRESS) return kWouldBlock;
  // EAGAIN too: of a connect it says that local ports, or routes, have run out (connect(2)), and
  // nothing is under way.
  if (errno != EINTR) return -errno;
  // A connect that a signal interrupts goes on by itself (connect(2)); calling again would say
  // EALREADY. A blocking one's answer is waited for.
  if (get_non_blocking(handle) == 1) return kWouldBlock;
  pollfd waiting{fd_of(handle), POLLOUT, 0};
  while (poll(&waiting, 1, -1) < 0) {
    if (errno != EINTR) return -errno;
  }
  return -take_error(handle);
}

Result send_socket(Handle handle, std::span<const uint8_t> bytes) {
  const ssize_t sent = through_signals(fd_of(handle), SO_SNDTIMEO, POLLOUT, [&] {
    return send(fd_of(handle), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  });
  return sent >= 0 ? sent : failure();
}

Result recv_socket(Handle handle, std::span<uint8_t> into) {
  const ssize_t received = through_signals(fd_of(handle), SO_RCVTIMEO, POLLIN, [&] {
    return recv(fd_of(handle), into.data(), into.size(), 0);
  });
  return received >= 0 ? received : failure();
}

Result send_to_socket(Handle handle, std::span<const uint8_t> bytes, const PackedAddress& to) {
  sockaddr_storage native{};
  const socklen_t length = to_sockaddr(to, native);
  const ssize_t sent = through_signals(fd_of(handle), SO_SNDTIMEO, POLLOUT, [&] {
    return sendto(fd_of(handle), bytes.data(), bytes.size(), MSG_NOSIGNAL, as_sockaddr(native),
                  length);
  });
  return sent >= 0 ? sent : failure();
}

Result recv_from_socket(Handle handle, std::span<uint8_t> into, PackedAddress& peer) {
  sockaddr_storage address{};
  iovec vector{into.data(), into.size()};
  msghdr message{};
  const ssize_t received = through_signals(fd_of(handle), SO_RCVTIMEO, POLLIN, [&] {
    message = {};
    message.msg_name = &address;
    message.msg_namelen = sizeof address;
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    return recvmsg(fd_of(handle), &message, 0);
  });
  if (received < 0) return failure();
  from_sockaddr(address, message.msg_namelen, peer);
  peer.flag = (message.msg_flags & MSG_TRUNC) != 0 ? 1 : 0;
  return received;
}

Result shutdown_socket(Handle handle, Shutdown how) {
  const int native = how == Shutdown::kRead    ? SHUT_RD
                     : how == Shutdown::kWrite ? SHUT_WR
                                               : SHUT_RDWR;
  return shutdown(fd_of(handle), native) == 0 ? 0 : -errno;
}

Result set_non_blocking(Handle handle, bool on) {
  const int flags = fcntl(fd_of(handle), F_GETFL);
  if (flags < 0) return -errno;
  const int wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
  return wanted == flags || fcntl(fd_of(handle), F_SETFL, wanted) == 0 ? 0 : -errno;
}

Result get_non_blocking(Handle handle) {
  const int flags = fcntl(fd_of(handle), F_GETFL);
  return flags < 0 ? -errno : (flags & O_NONBLOCK) != 0 ? 1 : 0;
}

Result local_address(Handle handle, PackedAddress& out) {
  return address_of(handle, out, getsockname);
}

Result remote_address(Handle handle, PackedAddress& out) {
  return address_of(handle, out, getpeername);
}

Result take_error(Handle handle) { return integer_option(handle, SOL_SOCKET, SO_ERROR); }

Result describe_socket(Handle handle) {
  const Result type = integer_option(handle, SOL_SOCKET, SO_TYPE);
  if (type < 0) return type;
  if (type != SOCK_STREAM && type != SOCK_DGRAM) return -ESOCKTNOSUPPORT;
  const Result domain = integer_option(handle, SOL_SOCKET, SO_DOMAIN);
  if (domain < 0) return domain;
  if (domain != AF_INET && domain != AF_INET6) return -EAFNOSUPPORT;
  Result described =
      (type == SOCK_DGRAM ? kDescribeUdp : 0) | (domain == AF_INET6 ? kDescribeIpv6 : 0);
  if (integer_option(handle, SOL_SOCKET, SO_ACCEPTCONN) > 0) described |= kDescribeListening;
  PackedAddress peer{};
  if (remote_address(handle, peer) == 0) described |= kDescribeConnected;
  return described;
}

Result set_raw_option(Handle handle, int32_t level, int32_t name, std::span<const uint8_t> value) {
  // The kernel counts with int, and would take a longer one for its length modulo 2^32.
  if (value.size() > INT_MAX) return -EINVAL;
  return setsockopt(fd_of(handle), level, name, value.data(),
                    static_cast<socklen_t>(value.size())) == 0
             ? 0
             : -errno;
}

Result get_raw_option(Handle handle, int32_t level, int32_t name, std::span<uint8_t> into) {
  auto length = static_cast<socklen_t>(into.size());
  return getsockopt(fd_of(handle), level, name, into.data(), &length) == 0
             ? static_cast<Result>(length)
             : -errno;
}

}  // namespace pollport
