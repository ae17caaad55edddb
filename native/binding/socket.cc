// The socket calls as functions on `exports`: reads arguments, makes one call, gives its number
// back. Refuses to decide anything.

#include "../contract/socket.h"

#include <algorithm>
#include <string>

#include "../contract/address.h"
#include "../contract/system.h"
#include "arguments.h"
#include "environment.h"
#include "exports.h"

namespace pollport {
namespace {

Napi::Value socket_open(const Napi::CallbackInfo& info) {
  const auto type = static_cast<SocketType>(int32_argument(info, 1));
  const Result handle = open_socket(type, int32_argument(info, 2) == 6, boolean_argument(info, 3));
  if (handle >= 0) Environment::of(info.Env()).own(info.Env(), object_argument(info, 0), handle);
  return answer(info.Env(), handle);
}

Napi::Value socket_own(const Napi::CallbackInfo& info) {
  Environment::of(info.Env()).own(info.Env(), object_argument(info, 0), handle_argument(info, 1));
  return answer(info.Env(), 0);
}

Napi::Value socket_disown(const Napi::CallbackInfo& info) {
  Environment::of(info.Env()).disown(info.Env(), handle_argument(info, 0));
  return answer(info.Env(), 0);
}

Napi::Value socket_close(const Napi::CallbackInfo& info) {
  // Before the close: the number may be somebody else's right after it.
  Environment::of(info.Env()).disown(info.Env(), handle_argument(info, 0));
  return answer(info.Env(), close_socket(handle_argument(info, 0)));
}

Napi::Value socket_reset(const Napi::CallbackInfo& info) {
  Environment::of(info.Env()).disown(info.Env(), handle_argument(info, 0));
  return answer(info.Env(), reset_socket(handle_argument(info, 0)));
}

Napi::Value reap_handles(const Napi::CallbackInfo& info) {
  return answer(info.Env(), Environment::of(info.Env()).reap(info.Env()));
}

Napi::Value socket_bind(const Napi::CallbackInfo& info) {
  return answer(info.Env(), bind_socket(handle_argument(info, 0), address_argument(info, 1)));
}

Napi::Value socket_bind_to_connect(const Napi::CallbackInfo& info) {
  return answer(info.Env(), bind_to_connect(handle_argument(info, 0), address_argument(info, 1)));
}

Napi::Value socket_listen(const Napi::CallbackInfo& info) {
  return answer(info.Env(), listen_socket(handle_argument(info, 0), int32_argument(info, 1)));
}

Napi::Value socket_accept(const Napi::CallbackInfo& info) {
  PackedAddress peer{};
  const Result accepted = accept_socket(handle_argument(info, 0), peer);
  if (accepted >= 0) {
    Environment::of(info.Env()).hold(accepted);
    store_address(info, 1, peer);
  }
  return answer(info.Env(), accepted);
}

Napi::Value socket_connect(const Napi::CallbackInfo& info) {
  return answer(info.Env(), connect_socket(handle_argument(info, 0), address_argument(info, 1)));
}

Napi::Value socket_send(const Napi::CallbackInfo& info) {
  return answer(info.Env(), send_socket(handle_argument(info, 0),
                                        bytes_argument(info, 1, int64_argument(info, 2),
                                                       int64_argument(info, 3))));
}

Napi::Value socket_recv(const Napi::CallbackInfo& info) {
  return answer(info.Env(), recv_socket(handle_argument(info, 0), bytes_argument(info, 1)));
}

Napi::Value socket_send_to(const Napi::CallbackInfo& info) {
  const std::span<const uint8_t> bytes =
      bytes_argument(info, 1, int64_argument(info, 2), int64_argument(info, 3));
  return answer(info.Env(),
                send_to_socket(handle_argument(info, 0), bytes, address_argument(info, 4)));
}

Napi::Value socket_recv_from(const Napi::CallbackInfo& info) {
  PackedAddress peer{};
  const Result received = recv_from_socket(handle_argument(info, 0), bytes_argument(info, 1), peer);
  if (received >= 0) store_address(info, 2, peer);
  return answer(info.Env(), received);
}

Napi::Value socket_shutdown(const Napi::CallbackInfo& info) {
  return answer(info.Env(), shutdown_socket(handle_argument(info, 0),
                                            static_cast<Shutdown>(int32_argument(info, 1))));
}

Napi::Value socket_set_non_blocking(const Napi::CallbackInfo& info) {
  return answer(info.Env(), set_non_blocking(handle_argument(info, 0), boolean_argument(info, 1)));
}

Napi::Value socket_get_non_blocking(const Napi::CallbackInfo& info) {
  return answer(info.Env(), get_non_blocking(handle_argument(info, 0)));
}

Napi::Value socket_local_address(const Napi::CallbackInfo& info) {
  PackedAddress address{};
  const Result result = local_address(handle_argument(info, 0), address);
  if (result >= 0) store_address(info, 1, address);
  return answer(info.Env(), result);
}

Napi::Value socket_remote_address(const Napi::CallbackInfo& info) {
  PackedAddress address{};
  const Result result = remote_address(handle_argument(info, 0), address);
  if (result >= 0) store_address(info, 1, address);
  return answer(info.Env(), result);
}

Napi::Value socket_take_error(const Napi::CallbackInfo& info) {
  return answer(info.Env(), take_error(handle_argument(info, 0)));
}

Napi::Value socket_describe(const Napi::CallbackInfo& info) {
  return answer(info.Env(), describe_socket(handle_argument(info, 0)));
}

Napi::Value socket_set_option(const Napi::CallbackInfo& info) {
  return answer(info.Env(), set_option(handle_argument(info, 0), int32_argument(info, 1),
                                       double_argument(info, 2)));
}

Napi::Value socket_get_option(const Napi::CallbackInfo& info) {
  double value = 0;
  const Result result = get_option(handle_argument(info, 0), int32_argument(info, 1), value);
  return result < 0 ? answer(info.Env(), result) : Napi::Number::New(info.Env(), value);
}

Napi::Value socket_set_raw_option(const Napi::CallbackInfo& info) {
  return answer(info.Env(), set_raw_option(handle_argument(info, 0), int32_argument(info, 1),
                                           int32_argument(info, 2), bytes_argument(info, 3)));
}

Napi::Value socket_get_raw_option(const Napi::CallbackInfo& info) {
  return answer(info.Env(), get_raw_option(handle_argument(info, 0), int32_argument(info, 1),
                                           int32_argument(info, 2), bytes_argument(info, 3)));
}

Napi::Value multicast(const Napi::CallbackInfo& info, bool join) {
  const bool has_interface = !info[2].IsUndefined();
  const PackedAddress interface_address = address_argument(info, 2);
  return answer(info.Env(), join_multicast(handle_argument(info, 0), address_argument(info, 1),
                                           has_interface ? &interface_address : nullptr, join));
}

Napi::Value socket_join_multicast(const Napi::CallbackInfo& info) { return multicast(info, true); }
Napi::Value socket_leave_multicast(const Napi::CallbackInfo& info) {
  return multicast(info, false);
}

Napi::Value address_parse(const Napi::CallbackInfo& info) {
  PackedAddress address{};
  if (!info[0].IsString()) return answer(info.Env(), -1);
  const bool numeric = parse_address(info[0].As<Napi::String>().Utf8Value(),
                                     static_cast<uint16_t>(int32_argument(info, 1)), address);
  return answer(info.Env(), numeric && store_address(info, 2, address) ? 0 : -1);
}

Napi::Value address_format(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(),
                           format_address(address_argument(info, 0, int64_argument(info, 1))));
}

}  // namespace

void export_socket(Napi::Env env, Napi::Object exports) {
  // A failure shows when the first socket is made.
  start_sockets();
  const auto put = [&](const char* name, auto function) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  put("socketOpen", socket_open);
  put("socketOwn", socket_own);
  put("socketDisown", socket_disown);
  put("socketClose", socket_close);
  put("socketReset", socket_reset);
  put("reapHandles", reap_handles);
  put("socketBind", socket_bind);
  put("socketBindToConnect", socket_bind_to_connect);
  put("socketListen", socket_listen);
  put("socketAccept", socket_accept);
  put("socketConnect", socket_connect);
  put("socketSend", socket_send);
  put("socketRecv", socket_recv);
  put("socketSendTo", socket_send_to);
  put("socketRecvFrom", socket_recv_from);
  put("socketShutdown", socket_shutdown);
  put("socketSetNonBlocking", socket_set_non_blocking);
  put("socketGetNonBlocking", socket_get_non_blocking);
  put("socketLocalAddress", socket_local_address);
  put("socketRemoteAddress", socket_remote_address);
  put("socketTakeError", socket_take_error);
  put("socketDescribe", socket_describe);
  put("socketSetOption", socket_set_option);
  put("socketGetOption", socket_get_option);
  put("socketSetRawOption", socket_set_raw_option);
  put("socketGetRawOption", socket_get_raw_option);
  put("socketJoinMulticast", socket_join_multicast);
  put("socketLeaveMulticast", socket_leave_multicast);
  put("addressParse", address_parse);
  put("addressFormat", address_format);

  Napi::Array names = Napi::Array::New(env);
  for (const char* name : option_names()) names.Set(names.Length(), Napi::String::New(env, name));
  exports.Set("optionNames", names);
  Napi::Object values = Napi::Object::New(env);
  for (const Constant& constant : constants())
    values.Set(constant.name, Napi::Number::New(env, static_cast<double>(constant.value)));
  exports.Set("constants", values);
  exports.Set("waitsForFractions", Napi::Boolean::New(env, waits_for_fractions()));
  exports.Set("backend", Napi::String::New(env, backend_name()));
}

}  // namespace pollport
