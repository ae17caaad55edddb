// What a call answers when it would have to wait: two names, one number on Linux, and not
// everywhere (recv(2), send(2)).
#pragma once

#include <cerrno>

namespace pollport {

inline bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

}  // namespace pollport
