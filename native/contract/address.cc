// The text of a numeric address, taken apart. What its parts mean, the system says.

#include "address.h"

#include <charconv>

namespace pollport {
namespace {

// A scope is the number of an interface or its name; 0 = neither.
uint32_t parse_scope(const std::string& scope) {
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(scope.data(), scope.data() + scope.size(), number);
  if (error == std::errc() && end == scope.data() + scope.size()) return number;
  return interface_number(scope.c_str());
}

}  // namespace

bool parse_address(const std::string& text, uint16_t port, PackedAddress& out) {
  out = {};
  out.port = port;
  // A NUL inside would end the text early for the system's functions.
  if (text.find('\0') != std::string::npos) return false;
  if (parse_bytes(4, text.c_str(), out.bytes)) {
    out.family = 4;
    return true;
  }
  out.family = 6;
  const size_t percent = text.find('%');
  if (percent != std::string::npos) {
    out.scope = parse_scope(text.substr(percent + 1));
    if (out.scope == 0) return false;
  }
  return parse_bytes(6, text.substr(0, percent).c_str(), out.bytes);
}

}  // namespace pollport
