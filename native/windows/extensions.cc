// WSAIoctl with SIO_GET_EXTENSION_FUNCTION_POINTER.

#include "extensions.h"

namespace pollport {
namespace {

template <typename Function>
Result find(SOCKET socket, GUID id, Function& out) {
  DWORD bytes = 0;
  const int failed = WSAIoctl(socket, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof id, &out,
                              sizeof out, &bytes, nullptr, nullptr);
  return failed == 0 ? 0 : -static_cast<Result>(WSAGetLastError());
}

Extensions load(SOCKET socket) {
  Extensions found;
  found.result = find(socket, WSAID_ACCEPTEX, found.accept_ex);
  if (found.result == 0)
    found.result = find(socket, WSAID_GETACCEPTEXSOCKADDRS, found.get_accept_ex_sockaddrs);
  if (found.result == 0) found.result = find(socket, WSAID_CONNECTEX, found.connect_ex);
  if (found.result == 0) found.result = find(socket, WSAID_DISCONNECTEX, found.disconnect_ex);
  return found;
}

}  // namespace

const Extensions& extensions(SOCKET socket) {
  static const Extensions loaded = load(socket);
  return loaded;
}

}  // namespace pollport
