// Windows' own functions that pollport does not offer, for tests that do behind its back what it
// would never do itself.
import koffi from 'koffi'

const kernel32 = koffi.load('kernel32.dll')
const winsock = koffi.load('ws2_32.dll')

/** Any handle of the kernel's (CloseHandle). */
export const closeHandle = kernel32.func('int __stdcall CloseHandle(intptr_t)')
/** `flags` 1: an operation that succeeds at once queues no completion. */
export const setCompletionModes = kernel32.func(
  'int __stdcall SetFileCompletionNotificationModes(intptr_t, uint8_t)'
)
/** */
export const closeSocket = winsock.func('int __stdcall closesocket(intptr_t)')

const openSocket = winsock.func(
  'intptr_t __stdcall WSASocketW(int, int, int, void*, uint32_t, uint32_t)'
)
/** Whether child processes get the handle. */
export function isInherited(handle) {
  const flags = Buffer.alloc(4)
  return (
    handleInformation(handle, flags) !== 0 && (flags.readUInt32LE() & HANDLE_FLAG_INHERIT) !== 0
  )
}

const HANDLE_FLAG_INHERIT = 1
const handleInformation = kernel32.func('int __stdcall GetHandleInformation(intptr_t, void*)')
/** Answers 0 under Wine for any process. */
export const processHandleCount = kernel32.func(
  'int __stdcall GetProcessHandleCount(intptr_t, void*)'
)

const [AF_INET, SOCK_STREAM, IPPROTO_TCP] = [2, 1, 6]

/** A TCP socket without WSA_FLAG_OVERLAPPED. */
export function plainSocket() {
  return openSocket(AF_INET, SOCK_STREAM, IPPROTO_TCP, null, 0, 0)
}

const HIGHEST_HANDLE = 0x4000

/**
 * The handles of this process: those numbers, multiples of four, of which the system knows
 * something (GetHandleInformation).
 */
export function ownHandles() {
  const handles = new Set()
  for (let handle = 4; handle <= HIGHEST_HANDLE; handle += 4)
    if (handleInformation(handle, Buffer.alloc(4)) !== 0) handles.add(handle)
  return handles
}

/** What `open` returns, and the handles that the process has since. */
export function openedBy(open) {
  const before = ownHandles()
  const opened = open()
  return { opened, handles: [...ownHandles()].filter((handle) => !before.has(handle)) }
}

const OVERLAPPED_BYTES = 32
const RECEIVED_BYTES = 64
const MEMORY = koffi.array('uint8_t', RECEIVED_BYTES)
const receive = winsock.func(
  'int __stdcall WSARecv(intptr_t, void*, uint32_t, void*, void*, void*, void*)'
)

/**
 * Starts an overlapped receive whose memory belongs to nobody, so that it outlives the thread;
 * where its bytes will be, for {@link bytesAt}.
 */
export function receiveIntoNowhere(socket) {
  const overlapped = koffi.alloc('uint8_t', OVERLAPPED_BYTES)
  const address = koffi.address(koffi.alloc('uint8_t', RECEIVED_BYTES))
  const buffer = Buffer.alloc(16) // WSABUF: a length, and a pointer at the next multiple of eight
  buffer.writeUInt32LE(RECEIVED_BYTES, 0)
  buffer.writeBigUInt64LE(address, 8)
  receive(socket, buffer, 1, null, Buffer.alloc(4), overlapped, null)
  return address
}

/** The text in that memory; '' while there is none. */
export function bytesAt(address) {
  return Buffer.from(koffi.decode(address, MEMORY)).toString().replaceAll('\0', '')
}
