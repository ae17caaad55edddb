// Reads decisions from an input, as test/fuzz/input.ts does: an input that is over gives zeros.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>

class Input {
 public:
  Input(const uint8_t* data, size_t size) : bytes_(data, size) {}

  bool is_over() const { return bytes_.empty(); }
  uint8_t byte() {
    if (bytes_.empty()) return 0;
    const uint8_t first = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return first;
  }
  size_t below(size_t count) { return byte() % count; }
  // A byte stands for a small number, or for one of the ends of 32 bits.
  int32_t number() {
    const auto value = static_cast<int8_t>(byte());
    return value == 127 ? INT32_MAX : value == 126 ? 1 << 30 : value == -128 ? INT32_MIN : value;
  }
  std::span<const uint8_t> bytes(size_t length) {
    const std::span<const uint8_t> taken =
        bytes_.first(length < bytes_.size() ? length : bytes_.size());
    bytes_ = bytes_.subspan(taken.size());
    return taken;
  }

 private:
  std::span<const uint8_t> bytes_;
};

// Ends the process with the line that asked: libFuzzer writes the input into a file.
inline void require(bool holds, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  if (holds) return;
  std::fprintf(stderr, "%s:%d does not hold\n", file, line);
  std::abort();
}
