// sendmmsg(2), recvmmsg(2), and recvmsg(2) with MSG_ERRQUEUE on non-blocking UDP sockets.

#include "datagrams.h"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "../contract/limits.h"
#include "address.h"
#include "would_block.h"

namespace pollport {
namespace {

// An error of a send may be an older one that waits on the socket (an ICMP answer, with
// IP_RECVERR): then this datagram was not tried. Trying once more tells the two apart; more often
// would be a loop.
Result send_one(int fd, const msghdr& message) {
  for (int attempt = 0;; attempt++) {
    const ssize_t sent = ::sendmsg(fd, &message, MSG_NOSIGNAL);
    if (sent >= 0) return 1;
    if (errno == EINTR) continue;
    if (would_block(errno)) return 0;
    if (attempt > 0) return -errno;
  }
}

struct Message {
  sockaddr_storage address;
  iovec vector;

  void aim(msghdr& header, const PackedAddress& to, const uint8_t* data, size_t length) {
    header = msghdr{};
    header.msg_name = &address;
    header.msg_namelen = to_sockaddr(to, address);
    vector = {const_cast<uint8_t*>(data), length};
    header.msg_iov = &vector;
    header.msg_iovlen = 1;
  }
};

PackedAddress address_at(const Outbox& outbox, const Send& send) {
  PackedAddress address{};
  if (outbox.has_address(send)) std::memcpy(&address, outbox.at(send.address), sizeof address);
  return address;
}

// Writes a packed address to the batch's front part; -1 when it has no room left.
int32_t keep_address(Batch& batch, const sockaddr_storage& from, socklen_t length) {
  PackedAddress packed{};
  if (batch.stream_room().size() < sizeof packed || !from_sockaddr(from, length, packed)) return -1;
  std::memcpy(batch.stream_room().data(), &packed, sizeof packed);
  return batch.keep_stream(sizeof packed);
}

void tell_refusal(const Outbox& outbox, const Send& send, int32_t index, const Watched& watched,
                  int error, Batch& batch) {
  int32_t at = -1;
  if (outbox.has_address(send) && batch.stream_room().size() >= sizeof(PackedAddress)) {
    std::memcpy(batch.stream_room().data(), outbox.at(send.address), sizeof(PackedAddress));
    at = batch.keep_stream(sizeof(PackedAddress));
  }
  batch.add(kKindDatagramFailed, index, watched.generation, error, at, 1);
}

struct Taken {
  // Of a socket's budget.
  size_t cost = 0;
  // Whether there may be more, and room for it.
  bool more = false;
};

// One call: at most `wanted` datagrams.
Taken receive_some_datagrams(Watched& watched, int32_t index, size_t max_datagram, size_t wanted,
                             Batch& batch) {
  const size_t slot = sizeof(PackedAddress) + max_datagram;
  const size_t count = std::min(
      {wanted, kMaxDatagramsPerCall, batch.datagram_room().size() / slot, batch.records_room()});
  if (count == 0) return {};

  std::array<mmsghdr, kMaxDatagramsPerCall> headers;
  std::array<iovec, kMaxDatagramsPerCall> vectors;
  std::array<sockaddr_storage, kMaxDatagramsPerCall> addresses;
  const std::span<uint8_t> room = batch.datagram_room();
  for (size_t i = 0; i < count; i++) {
    vectors[i] = {room.data() + i * slot + sizeof(PackedAddress), max_datagram};
    headers[i] = {};
    headers[i].msg_hdr.msg_name = &addresses[i];
    headers[i].msg_hdr.msg_namelen = sizeof addresses[i];
    headers[i].msg_hdr.msg_iov = &vectors[i];
    headers[i].msg_hdr.msg_iovlen = 1;
  }
  int received;
  do {
    received = ::recvmmsg(watched.fd.get(), headers.data(), static_cast<unsigned>(count),
                          MSG_DONTWAIT, nullptr);
  } while (received < 0 && errno == EINTR);
  if (received < 0) {
    const int error = errno;
    // The queue of errors says more, and would say it once more in the next wait.
    if (!would_block(error) && receive_datagram_errors(watched, index, batch) == 0)
      batch.add(kKindFailed, index, watched.generation, error);
    return {};
  }

  Taken taken;
  size_t largest = 0;
  for (size_t i = 0; i < static_cast<size_t>(received); i++) {
    const msghdr& header = headers[i].msg_hdr;
    const size_t length = headers[i].msg_len;
    largest = std::max(largest, length);
    taken.cost += std::max(length, kLeastDatagramCost);
    PackedAddress from{};
    from_sockaddr(addresses[i], header.msg_namelen, from);
    // Moved together, so that what the next socket needs is what was received and not what might
    // have been. The target never lies behind the source, and memmove takes overlap.
    uint8_t* target = batch.datagram_room().data();
    std::memmove(target + sizeof from, vectors[i].iov_base, length);
    std::memcpy(target, &from, sizeof from);
    const int32_t offset =
        batch.keep_datagram(sizeof from + length) + static_cast<int32_t>(sizeof from);
    const bool truncated = (header.msg_flags & MSG_TRUNC) != 0;
    batch.add(kKindDatagram, index, watched.generation, offset, static_cast<int32_t>(length),
              truncated ? 1 : 0);
  }
  watched.datagram_bytes = static_cast<uint32_t>(largest);
  taken.more = static_cast<size_t>(received) == count;
  return taken;
}

}  // namespace

Result send_datagram(Epoll& epoll, WatchTable& table, int32_t index, std::span<const uint8_t> bytes,
                     const PackedAddress& to) {
  Watched* watched = table.find(index);
  if (watched == nullptr) return -EBADF;
  Message message{};
  msghdr header{};
  message.aim(header, to, bytes.data(), bytes.size());
  const Result sent = send_one(watched->fd.get(), header);
  // A datagram that is refused leaves nothing to wait for either: writability would be reported for
  // ever.
  if (const Result updated = table.set_sending(epoll, index, sent == 0); updated < 0)
    return updated;
  return sent;
}

void send_datagram_chain(Epoll& epoll, WatchTable& table, const Outbox& outbox, int32_t first,
                         Batch& batch) {
  Send send{};
  if (!outbox.read(first, send)) return;
  const int32_t index = send.index;
  Watched* watched = table.find(index);
  if (watched == nullptr) return;

  std::array<mmsghdr, kMaxDatagramsPerCall> headers;
  std::array<Message, kMaxDatagramsPerCall> messages;
  std::array<int32_t, kMaxDatagramsPerCall> positions;
  int32_t position = first;
  while (position >= 0) {
    unsigned count = 0;
    while (count < headers.size() && outbox.read(position, send)) {
      messages[count].aim(headers[count].msg_hdr, address_at(outbox, send), outbox.at(send.offset),
                          static_cast<size_t>(send.length));
      positions[count++] = position;
      // A chain only goes forward: anything else would be a loop.
      position = send.next > position ? send.next : -1;
      if (position < 0) break;
    }
    if (count == 0) return;

    for (unsigned done = 0; done < count;) {
      const int sent =
          ::sendmmsg(watched->fd.get(), headers.data() + done, count - done, MSG_NOSIGNAL);
      if (sent > 0) {
        done += static_cast<unsigned>(sent);
        continue;
      }
      if (sent < 0 && errno == EINTR) continue;
      // sendmmsg keeps the error of a later datagram to itself until that datagram comes first,
      // which is now.
      const Result one = send_one(watched->fd.get(), headers[done].msg_hdr);
      if (one == 0) {
        batch.add(kKindSendShort, index, watched->generation, positions[done], 0);
        if (const Result updated = table.set_sending(epoll, index, true); updated < 0) {
          batch.add(kKindDatagramFailed, index, watched->generation, static_cast<int32_t>(-updated),
                    -1);
        }
        return;
      }
      if (one < 0 && outbox.read(positions[done], send))
        tell_refusal(outbox, send, index, *watched, static_cast<int>(-one), batch);
      done++;
    }
  }
}

void receive_datagrams(Watched& watched, int32_t index, size_t max_datagram, size_t budget_bytes,
                       Batch& batch) {
  // One socket may be all that a server has: what came for its thousands of players since the last
  // wait is more than one call gives.
  while (budget_bytes > 0) {
    const size_t expected = std::max<size_t>(watched.datagram_bytes, kLeastDatagramCost);
    const size_t wanted = std::max<size_t>(budget_bytes / expected, 1);
    const Taken taken = receive_some_datagrams(watched, index, max_datagram, wanted, batch);
    if (!taken.more) return;  // level-triggered: the next wait reports what is left
    budget_bytes -= std::min(budget_bytes, taken.cost);
  }
}

bool has_datagram(const Watched& watched) {
  return ::recv(watched.fd.get(), nullptr, 0, MSG_PEEK | MSG_DONTWAIT) >= 0;
}

Result keep_datagram_errors(int fd) {
  int domain = 0;
  socklen_t length = sizeof domain;
  if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) != 0) return -errno;
  const int on = 1;
  if (domain == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on) != 0)
    return -errno;
  // Of an IPv6 socket too: to its IPv4 peers a dual-stack one is an IPv4 socket.
  return setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on) == 0 ? 0 : -errno;
}

size_t receive_datagram_errors(Watched& watched, int32_t index, Batch& batch) {
  size_t told_of = 0;
  for (size_t i = 0; i < kMaxQueuedErrorsPerWait && batch.records_room() > 0; i++) {
    sockaddr_storage address{};
    alignas(cmsghdr) std::array<uint8_t, 512> control;
    uint8_t ignored = 0;
    iovec vector{&ignored, sizeof ignored};
    msghdr header{};
    header.msg_name = &address;
    header.msg_namelen = sizeof address;
    header.msg_iov = &vector;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    if (::recvmsg(watched.fd.get(), &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) break;

    for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr;
         part = CMSG_NXTHDR(&header, part)) {
      const bool told = (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_RECVERR) ||
                        (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_RECVERR);
      if (!told || part->cmsg_len < CMSG_LEN(sizeof(sock_extended_err))) continue;
      sock_extended_err error{};
      std::memcpy(&error, CMSG_DATA(part), sizeof error);
      batch.add(kKindDatagramFailed, index, watched.generation,
                static_cast<int32_t>(error.ee_errno),
                keep_address(batch, address, header.msg_namelen));
      told_of++;
    }
  }
  // The error that goes with the queue would make every wait return at once: reading SO_ERROR takes
  // it away.
  int pending = 0;
  socklen_t length = sizeof pending;
  getsockopt(watched.fd.get(), SOL_SOCKET, SO_ERROR, &pending, &length);
  // Without a message in the queue it is news: of a connected socket, from before the queue was
  // asked for.
  if (told_of == 0 && pending != 0 && batch.records_room() > 0) {
    batch.add(kKindDatagramFailed, index, watched.generation, pending, -1);
    told_of++;
  }
  return told_of;
}

}  // namespace pollport
