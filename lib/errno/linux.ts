// Linux's error numbers that sockets answer with (errno(3), include/uapi/asm-generic/errno.h), and what they say. Pure data.
const names: Record<number, string> = {
  1: 'EPERM', 2: 'ENOENT', 4: 'EINTR', 5: 'EIO', 9: 'EBADF', 11: 'EAGAIN', 12: 'ENOMEM', 13: 'EACCES', 14: 'EFAULT', 16: 'EBUSY', 17: 'EEXIST',
  19: 'ENODEV', 20: 'ENOTDIR', 22: 'EINVAL', 23: 'ENFILE', 24: 'EMFILE', 28: 'ENOSPC', 32: 'EPIPE', 38: 'ENOSYS', 40: 'ELOOP', 61: 'ENODATA',
  64: 'ENONET', 71: 'EPROTO', 75: 'EOVERFLOW', 88: 'ENOTSOCK', 89: 'EDESTADDRREQ', 90: 'EMSGSIZE', 91: 'EPROTOTYPE', 92: 'ENOPROTOOPT',
  93: 'EPROTONOSUPPORT', 94: 'ESOCKTNOSUPPORT', 95: 'ENOTSUP', 97: 'EAFNOSUPPORT', 98: 'EADDRINUSE', 99: 'EADDRNOTAVAIL', 100: 'ENETDOWN',
  101: 'ENETUNREACH', 102: 'ENETRESET', 103: 'ECONNABORTED', 104: 'ECONNRESET', 105: 'ENOBUFS', 106: 'EISCONN', 107: 'ENOTCONN',
  108: 'ESHUTDOWN', 110: 'ETIMEDOUT', 111: 'ECONNREFUSED', 112: 'EHOSTDOWN', 113: 'EHOSTUNREACH', 114: 'EALREADY', 115: 'EINPROGRESS',
  125: 'ECANCELED'
}

const messages: Record<string, string> = {
  EACCES: 'permission denied',
  EADDRINUSE: 'the address is in use; another socket has that port',
  EADDRNOTAVAIL: 'the address is not one of this machine, or no port is left',
  EAFNOSUPPORT: 'the address is of another family than the socket',
  EBADF: 'no open socket',
  EBUSY: 'it is busy',
  ECANCELED: 'given up before it was done',
  ECONNABORTED: 'the connection was aborted',
  ECONNREFUSED: 'nobody listens there',
  ECONNRESET: 'the peer reset the connection',
  EDESTADDRREQ: 'the socket is not connected and no address was given',
  EEXIST: 'it was added already',
  EHOSTUNREACH: 'no route to the host',
  EINVAL: 'the system calls an argument or the state of the socket invalid',
  EISCONN: 'it is connected already',
  ELOOP: 'epoll descriptors may not watch each other in a circle, or more than five deep',
  EMFILE: 'the process has no descriptor left; close some or raise its limit',
  EMSGSIZE: 'the datagram is too long',
  ENETUNREACH: 'no route to the network',
  ENFILE: 'the system has no descriptor left',
  ENOBUFS: 'the system has no buffer left',
  ENOENT: 'it was not added',
  ENOMEM: 'the system has no memory left for it',
  ENOPROTOOPT: 'the socket has no such option',
  ENOTCONN: 'it is not connected',
  ENOTSOCK: 'the handle is no socket',
  ENOTSUP: 'the system or the socket does not support it',
  EPERM: 'not permitted',
  EPIPE: 'sending is over: this side shut it down, or the peer is gone',
  EPROTOTYPE: 'the socket is of another type',
  ETIMEDOUT: 'no answer in time'
}

export const linuxErrors = { names, messages }
