// One table of NTSTATUS. GetOverlappedResult would give Win32's numbers for them, which were made
// for files: "duplicate name" for an address that is in use, "invalid net name" for one that cannot
// be bound. WSAGetOverlappedResult gives Winsock's, but wants an open socket, and completions come
// after the close as well.

#include "status.h"

#include <cstdint>

namespace pollport {
namespace {

struct Meaning {
  uint32_t status;
  int error;
};

// Numbers from "[MS-ERREF]: NTSTATUS Values" (Microsoft Learn); applications' headers have few of
// them. What Winsock calls them is what libuv found for its Windows side too, but for the three
// groups that say so.
constexpr Meaning kMeanings[] = {
    {0x00000102, WSAETIMEDOUT},  // STATUS_TIMEOUT
    {0x80000005, WSAEMSGSIZE},  // STATUS_BUFFER_OVERFLOW: a datagram that is longer than the buffer
    {0xC0000002, WSAEOPNOTSUPP},     // STATUS_NOT_IMPLEMENTED
    {0xC0000005, WSAEFAULT},         // STATUS_ACCESS_VIOLATION
    {0xC0000008, WSAENOTSOCK},       // STATUS_INVALID_HANDLE
    {0xC000000D, WSAEINVAL},         // STATUS_INVALID_PARAMETER
    {0xC000000E, WSAENETDOWN},       // STATUS_NO_SUCH_DEVICE
    {0xC000000F, WSAENETDOWN},       // STATUS_NO_SUCH_FILE
    {0xC0000010, WSAEOPNOTSUPP},     // STATUS_INVALID_DEVICE_REQUEST
    {0xC0000018, WSAEADDRNOTAVAIL},  // STATUS_CONFLICTING_ADDRESSES
    {0xC0000022, WSAEACCES},         // STATUS_ACCESS_DENIED
    {0xC0000023, WSAEFAULT},         // STATUS_BUFFER_TOO_SMALL
    {0xC0000024, WSAENOTSOCK},       // STATUS_OBJECT_TYPE_MISMATCH
    {0xC0000034, WSAENETDOWN},       // STATUS_OBJECT_NAME_NOT_FOUND
    {0xC000003A, WSAENETDOWN},       // STATUS_OBJECT_PATH_NOT_FOUND
    {0xC0000043, WSAEADDRINUSE},     // STATUS_SHARING_VIOLATION
    {0xC00000A3, WSAEWOULDBLOCK},    // STATUS_DEVICE_NOT_READY
    {0xC00000B0, WSAESHUTDOWN},      // STATUS_PIPE_DISCONNECTED
    {0xC00000B5, WSAETIMEDOUT},      // STATUS_IO_TIMEOUT
    {0xC00000BB, WSAEOPNOTSUPP},     // STATUS_NOT_SUPPORTED
    {0xC00000BC, WSAECONNREFUSED},   // STATUS_REMOTE_NOT_LISTENING
    {0xC00000BE, WSAENETUNREACH},    // STATUS_BAD_NETWORK_PATH
    {0xC00000BF, WSAENETDOWN},       // STATUS_NETWORK_BUSY
    {0xC00000C3, WSAENETDOWN},       // STATUS_INVALID_NETWORK_RESPONSE
    {0xC00000D0, WSAEWOULDBLOCK},    // STATUS_REQUEST_NOT_ACCEPTED
    {0xC000013B, WSAECONNABORTED},   // STATUS_LOCAL_DISCONNECT
    {0xC000013C, WSAECONNRESET},     // STATUS_REMOTE_DISCONNECT
    {0xC000013E, WSAECONNRESET},     // STATUS_LINK_FAILED
    {0xC000013F, WSAETIMEDOUT},      // STATUS_LINK_TIMEOUT
    {0xC0000140, WSAENOTCONN},       // STATUS_INVALID_CONNECTION
    {0xC0000141, WSAEADDRNOTAVAIL},  // STATUS_INVALID_ADDRESS
    {0xC0000206,
     WSAEMSGSIZE},  // STATUS_INVALID_BUFFER_SIZE: a datagram that is longer than any may be
    {0xC0000207, WSAEADDRNOTAVAIL},  // STATUS_INVALID_ADDRESS_COMPONENT
    {0xC0000209, WSAEADDRINUSE},     // STATUS_TOO_MANY_ADDRESSES
    {0xC000020A, WSAEADDRINUSE},     // STATUS_ADDRESS_ALREADY_EXISTS
    {0xC000020B, WSAECONNRESET},     // STATUS_ADDRESS_CLOSED
    {0xC000020C, WSAECONNRESET},     // STATUS_CONNECTION_DISCONNECTED
    {0xC000020D, WSAECONNRESET},     // STATUS_CONNECTION_RESET
    {0xC000020F, WSAECONNABORTED},   // STATUS_TRANSACTION_ABORTED
    {0xC0000236, WSAECONNREFUSED},   // STATUS_CONNECTION_REFUSED
    {0xC0000237, WSAECONNRESET},     // STATUS_GRACEFUL_DISCONNECT
    {0xC0000238, WSAEADDRINUSE},     // STATUS_ADDRESS_ALREADY_ASSOCIATED
    {0xC000023A, WSAENOTCONN},       // STATUS_CONNECTION_INVALID
    {0xC000023B, WSAEISCONN},        // STATUS_CONNECTION_ACTIVE
    {0xC000023C, WSAENETUNREACH},    // STATUS_NETWORK_UNREACHABLE
    {0xC000023D, WSAEHOSTUNREACH},   // STATUS_HOST_UNREACHABLE
    {0xC000023E, WSAENETUNREACH},    // STATUS_PROTOCOL_UNREACHABLE
    {0xC0000241, WSAECONNABORTED},   // STATUS_CONNECTION_ABORTED

    // Memory and handles, all of which are "no buffer" to Winsock.
    {0xC0000007, WSAENOBUFS},  // STATUS_PAGEFILE_QUOTA
    {0xC0000017, WSAENOBUFS},  // STATUS_NO_MEMORY
    {0xC0000044, WSAENOBUFS},  // STATUS_QUOTA_EXCEEDED
    {0xC0000097, WSAENOBUFS},  // STATUS_TOO_MANY_PAGING_FILES
    {0xC000009A, WSAENOBUFS},  // STATUS_INSUFFICIENT_RESOURCES
    {0xC00000A1, WSAENOBUFS},  // STATUS_WORKING_SET_QUOTA
    {0xC000011F, WSAEMFILE},   // STATUS_TOO_MANY_OPENED_FILES
    {0xC000012D, WSAENOBUFS},  // STATUS_COMMITMENT_LIMIT
    {0xC000013D, WSAENOBUFS},  // STATUS_REMOTE_RESOURCES
    {0xC0000246, WSAENOBUFS},  // STATUS_CONNECTION_COUNT_LIMIT

    // Ended by this side. Winsock calls it WSA_OPERATION_ABORTED, which is the same number
    // (Microsoft Learn, "Windows Sockets Error Codes").
    {0x8000000A, ERROR_OPERATION_ABORTED},  // STATUS_HANDLES_CLOSED: Wine's, for an operation whose
                                            // socket was closed
    {0xC0000120, ERROR_OPERATION_ABORTED},  // STATUS_CANCELLED
    {0xC0000128, ERROR_OPERATION_ABORTED},  // STATUS_FILE_CLOSED
    {0xC0000240, ERROR_OPERATION_ABORTED},  // STATUS_REQUEST_ABORTED

    // What comes back by ICMP, told apart as it is by Linux: a port where nobody listens, and a
    // datagram that was on its way for too long (Microsoft Learn, "recvfrom function",
    // WSAECONNRESET and WSAENETRESET).
    {0xC000023F, WSAECONNREFUSED},  // STATUS_PORT_UNREACHABLE
    {0xC000A012, WSAENETRESET},     // STATUS_HOPLIMIT_EXCEEDED

    // A connection that is gone: the second is Wine's, for a client that resets before it is
    // accepted.
    {0xC00000C9, WSAECONNRESET},  // STATUS_NETWORK_NAME_DELETED
    {0xC00000C4, WSAECONNRESET},  // STATUS_UNEXPECTED_NETWORK_ERROR
};

// An NTSTATUS made of a Win32 error: its facility is FACILITY_NTWIN32, 7, and the error is its
// lower half ("[MS-ERREF]: NTSTATUS").
constexpr uint32_t kWin32Facility = 0xC007;
// Below are success and information.
constexpr uint32_t kFirstWarning = 0x80000000;

}  // namespace

DWORD winsock_error(ULONG_PTR status) {
  const auto number = static_cast<uint32_t>(status);
  for (const Meaning& meaning : kMeanings) {
    if (meaning.status == number) return static_cast<DWORD>(meaning.error);
  }
  if (number < kFirstWarning) return 0;
  if (number >> 16 == kWin32Facility) return number & 0xFFFF;
  return ERROR_GEN_FAILURE;
}

}  // namespace pollport
