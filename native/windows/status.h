// The NTSTATUS that a completion carries in OVERLAPPED.Internal, as the number that Winsock's own
// calls give for the same failure. Refuses to know operations.
#pragma once

#include "win.h"

namespace pollport {

// One of WSA…, ERROR_OPERATION_ABORTED, or ERROR_GEN_FAILURE for what sockets are not known to
// answer. 0 = success.
DWORD winsock_error(ULONG_PTR status);

}  // namespace pollport
