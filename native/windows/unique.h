// Owns one socket, or one handle, whatever it refers to.
#pragma once

#include <utility>

#include "win.h"

namespace pollport {

// `kNone` is the value that stands for nothing, `kClose` the call that gives the value back.
template <typename T, T kNone, auto kClose>
class Unique {
 public:
  Unique() = default;
  explicit Unique(T value) : value_(value) {}
  Unique(const Unique&) = delete;
  Unique& operator=(const Unique&) = delete;
  Unique(Unique&& other) noexcept : value_(other.release()) {}
  Unique& operator=(Unique&& other) noexcept {
    reset(other.release());
    return *this;
  }
  ~Unique() { reset(); }

  T get() const { return value_; }
  explicit operator bool() const { return value_ != kNone; }
  T release() { return std::exchange(value_, kNone); }
  void reset(T value = kNone) {
    if (value_ != kNone) kClose(value_);
    value_ = value;
  }

 private:
  T value_ = kNone;
};

using UniqueSocket = Unique<SOCKET, INVALID_SOCKET, closesocket>;
using UniqueHandle = Unique<HANDLE, nullptr, CloseHandle>;

}  // namespace pollport
