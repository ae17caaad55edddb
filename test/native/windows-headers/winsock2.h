// What the compiled part of native/windows/ uses of Windows' headers, for a kernel that is a
// program: test/native/kernel.cc. Numbers are Windows' own where the code compares them
// (winerror.h, winsock2.h, ntstatus.h), and otherwise only differ from one another. The headers
// beside this one are empty: win.h includes this one first.
#pragma once

// Windows' struct of this name has shorts: see below.
#define linger linger_of_linux
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#undef linger

#include <cstddef>
#include <cstdint>

#define CALLBACK
#define WSAAPI
#define TRUE 1
#define FALSE 0

using BOOL = int;
using BOOLEAN = unsigned char;
using DWORD = uint32_t;
using ULONG = uint32_t;
using UINT = uint32_t;
using ULONG_PTR = uint64_t;
using HANDLE = void*;
using SOCKET = uint64_t;

constexpr SOCKET INVALID_SOCKET = ~SOCKET{0};
inline const HANDLE INVALID_HANDLE_VALUE = reinterpret_cast<HANDLE>(~uintptr_t{0});
constexpr DWORD INFINITE = 0xffffffff;

struct linger {
  uint16_t l_onoff;
  uint16_t l_linger;
};
struct OVERLAPPED {
  ULONG_PTR Internal;
  ULONG_PTR InternalHigh;
  DWORD Offset;
  DWORD OffsetHigh;
  HANDLE hEvent;
};
struct OVERLAPPED_ENTRY {
  ULONG_PTR lpCompletionKey;
  OVERLAPPED* lpOverlapped;
  ULONG_PTR Internal;
  DWORD dwNumberOfBytesTransferred;
};
struct WSABUF {
  ULONG len;
  char* buf;
};
struct GUID {
  int id;
};
union LARGE_INTEGER {
  int64_t QuadPart;
};
struct TCP_INITIAL_RTO_PARAMETERS {
  uint16_t Rtt;
  uint8_t MaxSynRetransmissions;
};
constexpr uint16_t TCP_INITIAL_RTO_UNSPECIFIED_RTT = 0xffff;
constexpr uint8_t TCP_INITIAL_RTO_NO_SYN_RETRANSMISSIONS = 0xfe;

constexpr DWORD STATUS_PENDING = 0x103;
constexpr DWORD STATUS_BUFFER_OVERFLOW = 0x80000005;
constexpr DWORD STATUS_INSUFFICIENT_RESOURCES = 0xC000009A;
constexpr DWORD STATUS_TOO_MANY_OPENED_FILES = 0xC000011F;
constexpr DWORD STATUS_CANCELLED = 0xC0000120;
constexpr DWORD STATUS_CONNECTION_RESET = 0xC000020D;
constexpr DWORD STATUS_CONNECTION_REFUSED = 0xC0000236;
constexpr DWORD STATUS_PORT_UNREACHABLE = 0xC000023F;
constexpr DWORD STATUS_CONNECTION_ABORTED = 0xC0000241;
inline bool HasOverlappedIoCompleted(const OVERLAPPED* overlapped) {
  return overlapped->Internal != STATUS_PENDING;
}

constexpr DWORD ERROR_NOT_ENOUGH_MEMORY = 8;
constexpr DWORD ERROR_GEN_FAILURE = 31;
constexpr DWORD ERROR_NO_SYSTEM_RESOURCES = 1450;
constexpr DWORD ERROR_INVALID_PARAMETER = 87;
constexpr DWORD WAIT_TIMEOUT = 258;
constexpr DWORD ERROR_OPERATION_ABORTED = 995;
constexpr DWORD ERROR_NOT_FOUND = 1168;
constexpr DWORD ERROR_NOT_SUPPORTED = 50;
constexpr int WSA_IO_PENDING = 997;
constexpr int WSAEACCES = 10013;
constexpr int WSAEFAULT = 10014;
constexpr int WSAEINVAL = 10022;
constexpr int WSAEMFILE = 10024;
constexpr int WSAEWOULDBLOCK = 10035;
constexpr int WSAEALREADY = 10037;
constexpr int WSAENOTSOCK = 10038;
constexpr int WSAEMSGSIZE = 10040;
constexpr int WSAEOPNOTSUPP = 10045;
constexpr int WSAEADDRINUSE = 10048;
constexpr int WSAEADDRNOTAVAIL = 10049;
constexpr int WSAENETDOWN = 10050;
constexpr int WSAENETUNREACH = 10051;
constexpr int WSAENETRESET = 10052;
constexpr int WSAECONNABORTED = 10053;
constexpr int WSAECONNRESET = 10054;
constexpr int WSAENOBUFS = 10055;
constexpr int WSAEISCONN = 10056;
constexpr int WSAENOTCONN = 10057;
constexpr int WSAESHUTDOWN = 10058;
constexpr int WSAETIMEDOUT = 10060;
constexpr int WSAECONNREFUSED = 10061;
constexpr int WSAEHOSTUNREACH = 10065;

constexpr int SO_UPDATE_ACCEPT_CONTEXT = 0x700B;
constexpr int SO_UPDATE_CONNECT_CONTEXT = 0x7010;
constexpr DWORD SIO_GET_EXTENSION_FUNCTION_POINTER = 1;
constexpr DWORD SIO_TCP_INITIAL_RTO = 2;
constexpr DWORD WSA_FLAG_OVERLAPPED = 1;
constexpr DWORD WSA_FLAG_NO_HANDLE_INHERIT = 0x80;
constexpr DWORD WT_EXECUTEINWAITTHREAD = 4;
constexpr UINT TIMERR_NOERROR = 0;

using LPFN_ACCEPTEX = BOOL (*)(SOCKET, SOCKET, void*, DWORD, DWORD, DWORD, DWORD*, OVERLAPPED*);
using LPFN_GETACCEPTEXSOCKADDRS = void (*)(void*, DWORD, DWORD, DWORD, sockaddr**, int*, sockaddr**,
                                           int*);
using LPFN_CONNECTEX = BOOL (*)(SOCKET, const sockaddr*, int, void*, DWORD, DWORD*, OVERLAPPED*);
using LPFN_DISCONNECTEX = BOOL (*)(SOCKET, OVERLAPPED*, DWORD, DWORD);
constexpr GUID WSAID_ACCEPTEX{1};
constexpr GUID WSAID_GETACCEPTEXSOCKADDRS{2};
constexpr GUID WSAID_CONNECTEX{3};
constexpr GUID WSAID_DISCONNECTEX{4};

int WSAGetLastError();
DWORD GetLastError();
SOCKET WSASocketW(int family, int type, int protocol, void* info, int group, DWORD flags);
int closesocket(SOCKET socket);
int WSARecv(SOCKET socket, WSABUF* buffers, DWORD count, DWORD* bytes, DWORD* flags,
            OVERLAPPED* overlapped, void* routine);
int WSASend(SOCKET socket, WSABUF* buffers, DWORD count, DWORD* bytes, DWORD flags,
            OVERLAPPED* overlapped, void* routine);
int WSARecvFrom(SOCKET socket, WSABUF* buffers, DWORD count, DWORD* bytes, DWORD* flags,
                sockaddr* from, int* length, OVERLAPPED* overlapped, void* routine);
int WSASendTo(SOCKET socket, WSABUF* buffers, DWORD count, DWORD* bytes, DWORD flags,
              const sockaddr* to, int length, OVERLAPPED* overlapped, void* routine);
int WSAIoctl(SOCKET socket, DWORD code, void* in, DWORD in_size, void* out, DWORD out_size,
             DWORD* bytes, OVERLAPPED* overlapped, void* routine);
int recv(SOCKET socket, char* into, int length, int flags);
int bind(SOCKET socket, sockaddr* address, int length);
int getsockname(SOCKET socket, sockaddr* address, int* length);
int getsockopt(SOCKET socket, int level, int name, char* value, int* length);
int setsockopt(SOCKET socket, int level, int name, const char* value, int length);
BOOL CancelIoEx(HANDLE file, OVERLAPPED* overlapped);
HANDLE CreateIoCompletionPort(HANDLE file, HANDLE port, ULONG_PTR key, DWORD threads);
BOOL GetQueuedCompletionStatusEx(HANDLE port, OVERLAPPED_ENTRY* entries, ULONG count, ULONG* got,
                                 DWORD timeout_ms, BOOL alertable);
BOOL PostQueuedCompletionStatus(HANDLE port, DWORD bytes, ULONG_PTR key, OVERLAPPED* overlapped);
BOOL CloseHandle(HANDLE handle);
BOOL SetEvent(HANDLE event);
void Sleep(DWORD ms);
HANDLE CreateEventW(void* security, BOOL manual, BOOL initial, const wchar_t* name);
BOOL RegisterWaitForSingleObject(HANDLE* wait, HANDLE event, void (*call)(void*, BOOLEAN),
                                 void* context, ULONG ms, ULONG flags);
BOOL UnregisterWaitEx(HANDLE wait, HANDLE event);
BOOL QueryPerformanceFrequency(LARGE_INTEGER* out);
BOOL QueryPerformanceCounter(LARGE_INTEGER* out);
UINT timeBeginPeriod(UINT ms);
UINT timeEndPeriod(UINT ms);
