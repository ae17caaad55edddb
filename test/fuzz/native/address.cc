// Addresses natively, under AddressSanitizer: the parser takes what inet_pton takes, and packed
// addresses, sockaddr and text say the same place. Input: text, read as an address; and the same
// bytes as a sockaddr of every family and length.
#include "../../../native/linux/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>

#include "input.h"

using pollport::PackedAddress;

namespace {

bool same(const PackedAddress& a, const PackedAddress& b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

void through_sockaddr(const PackedAddress& address) {
  sockaddr_storage storage{};
  const socklen_t length = pollport::to_sockaddr(address, storage);
  PackedAddress back{};
  require(pollport::from_sockaddr(storage, length, back));
  require(same(address, back));
  require(!pollport::from_sockaddr(storage, length - 1, back));
}

void as_text(const std::string& text) {
  PackedAddress address{};
  const uint16_t port = 4711;
  const bool numeric = pollport::parse_address(text, port, address);
  in_addr ipv4{};
  in6_addr ipv6{};
  // A NUL ends a text for inet_pton, and does not make it an address for us.
  const bool whole = text.find('\0') == std::string::npos;
  const std::string before_scope = text.substr(0, text.find('%'));
  const bool is_ipv4 = whole && inet_pton(AF_INET, text.c_str(), &ipv4) == 1;
  const bool is_ipv6 = whole && inet_pton(AF_INET6, before_scope.c_str(), &ipv6) == 1;
  if (before_scope == text) require(numeric == (is_ipv4 || is_ipv6));
  if (!numeric) return;
  require(is_ipv4 || is_ipv6);
  require(address.family == (is_ipv4 ? 4 : 6) && address.port == port && address.flag == 0);
  require(std::memcmp(address.bytes, is_ipv4 ? static_cast<void*>(&ipv4) : &ipv6,
                      is_ipv4 ? sizeof ipv4 : sizeof ipv6) == 0);
  through_sockaddr(address);
  PackedAddress again{};
  require(pollport::parse_address(pollport::format_address(address), port, again));
  require(same(address, again));
}

void as_sockaddr_bytes(const uint8_t* data, size_t size) {
  sockaddr_storage storage{};
  std::memcpy(&storage, data, std::min(size, sizeof storage));
  const uint16_t families[] = {storage.ss_family, AF_INET, AF_INET6};
  for (const uint16_t family : families) {
    storage.ss_family = family;
    for (socklen_t length = 0; length <= sizeof storage; length++) {
      PackedAddress address{};
      if (!pollport::from_sockaddr(storage, length, address)) {
        require(same(address, PackedAddress{}));
        continue;
      }
      through_sockaddr(address);
      require(!pollport::format_address(address).empty());
    }
  }
  PackedAddress any{};
  std::memcpy(&any, data, std::min(size, sizeof any));
  require(!pollport::format_address(any).empty());
  sockaddr_storage out{};
  if (any.family != 4 && any.family != 6) require(pollport::to_sockaddr(any, out) == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  as_text(std::string(data, data + size));
  as_sockaddr_bytes(data, size);
  return 0;
}
