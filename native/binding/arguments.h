// Reads JavaScript's arguments. TypeScript has validated them; what is checked here is what memory
// depends on. A wrong type reads as a value that the call behind it refuses: a number as -1, bytes
// as none.
#pragma once

#include <napi.h>

#include <cstdint>
#include <cstring>
#include <span>

#include "../contract/address.h"
#include "../contract/result.h"

namespace pollport {

inline double double_argument(const Napi::CallbackInfo& info, size_t position) {
  double value = -1;
  napi_get_value_double(info.Env(), info[position], &value);
  return value;
}

inline int32_t int32_argument(const Napi::CallbackInfo& info, size_t position) {
  int32_t value = -1;
  napi_get_value_int32(info.Env(), info[position], &value);
  return value;
}

inline uint32_t uint32_argument(const Napi::CallbackInfo& info, size_t position) {
  uint32_t value = 0;
  napi_get_value_uint32(info.Env(), info[position], &value);
  return value;
}

// Lengths and offsets: bytes of one array may be more than 32 bits can count, and
// napi_get_value_int32 takes the number modulo 2^32.
inline int64_t int64_argument(const Napi::CallbackInfo& info, size_t position) {
  int64_t value = -1;
  napi_get_value_int64(info.Env(), info[position], &value);
  return value;
}

inline Handle handle_argument(const Napi::CallbackInfo& info, size_t position) {
  return int64_argument(info, position);
}

inline bool boolean_argument(const Napi::CallbackInfo& info, size_t position) {
  bool value = false;
  napi_get_value_bool(info.Env(), info[position], &value);
  return value;
}

inline Napi::Object object_argument(const Napi::CallbackInfo& info, size_t position) {
  return info[position].IsObject() ? info[position].As<Napi::Object>()
                                   : Napi::Object::New(info.Env());
}

namespace detail {

template <typename T>
std::span<T> typed_array(const Napi::CallbackInfo& info, size_t position,
                         napi_typedarray_type wanted) {
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void* data = nullptr;
  const napi_status status =
      napi_get_typedarray_info(info.Env(), info[position], &type, &length, &data, nullptr, nullptr);
  // A detached array has no data; nothing that is not a typed array gets here with a status of ok.
  if (status != napi_ok || type != wanted || data == nullptr) return {};
  return {static_cast<T*>(data), length};
}

}  // namespace detail

// A Uint8Array's bytes; valid until JavaScript runs again.
inline std::span<uint8_t> bytes_argument(const Napi::CallbackInfo& info, size_t position) {
  return detail::typed_array<uint8_t>(info, position, napi_uint8_array);
}

inline std::span<int32_t> int32_span_argument(const Napi::CallbackInfo& info, size_t position) {
  return detail::typed_array<int32_t>(info, position, napi_int32_array);
}

inline std::span<double> float64_span_argument(const Napi::CallbackInfo& info, size_t position) {
  return detail::typed_array<double>(info, position, napi_float64_array);
}

// A part of a Uint8Array's bytes; empty when it does not lie inside.
inline std::span<uint8_t> bytes_argument(const Napi::CallbackInfo& info, size_t position,
                                         int64_t offset, int64_t length) {
  const std::span<uint8_t> all = bytes_argument(info, position);
  if (offset < 0 || length < 0 ||
      static_cast<uint64_t>(offset) + static_cast<uint64_t>(length) > all.size())
    return {};
  return all.subspan(static_cast<size_t>(offset), static_cast<size_t>(length));
}

// A packed address; family 0, which every call refuses, when there is none.
inline PackedAddress address_argument(const Napi::CallbackInfo& info, size_t position,
                                      int64_t offset = 0) {
  PackedAddress address{};
  const std::span<uint8_t> bytes = bytes_argument(info, position, offset, sizeof address);
  if (bytes.size() == sizeof address) std::memcpy(&address, bytes.data(), sizeof address);
  return address;
}

// False when the array is too short to take it.
inline bool store_address(const Napi::CallbackInfo& info, size_t position,
                          const PackedAddress& address) {
  const std::span<uint8_t> bytes = bytes_argument(info, position);
  if (bytes.size() < sizeof address) return false;
  std::memcpy(bytes.data(), &address, sizeof address);
  return true;
}

inline Napi::Value answer(Napi::Env env, Result result) {
  return Napi::Number::New(env, static_cast<double>(result));
}

}  // namespace pollport
