// The socket calls that Winsock gives out as pointers only: AcceptEx, ConnectEx, DisconnectEx.
#pragma once

#include "../contract/result.h"
#include "win.h"

namespace pollport {

struct Extensions {
  LPFN_ACCEPTEX accept_ex = nullptr;
  LPFN_GETACCEPTEXSOCKADDRS get_accept_ex_sockaddrs = nullptr;
  LPFN_CONNECTEX connect_ex = nullptr;
  LPFN_DISCONNECTEX disconnect_ex = nullptr;
  Result result = 0;  // minus the error when one of them could not be had
};

// Asked once, of any TCP socket: every socket of the system's own provider answers the same.
const Extensions& extensions(SOCKET socket);

}  // namespace pollport
