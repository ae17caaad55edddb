// Which faults each call may meet, from its manual page, and how a program may be told. Pure data.
// `transparent`: nobody is told, and nothing is lost; 'always' also if every call answers so.
// `syscalls`: what the error may say that failed; if a transparent one has them, the raw floor
// tells of it all the same.

const names = (errors, more) => errors.map((error) => ({ error, ...more }))

const table = {
  // accept(2) passes on errors of the connection that it would have given out, and says to try
  // again.
  accept4: [
    ...names(['EINTR', 'EAGAIN'], { transparent: true }),
    ...names(
      [
        'ECONNABORTED',
        'EPROTO',
        'ENETDOWN',
        'ENOPROTOOPT',
        'EHOSTDOWN',
        'ENONET',
        'EHOSTUNREACH',
        'EOPNOTSUPP',
        'ENETUNREACH',
        'EPERM'
      ],
      {
        transparent: true,
        syscalls: ['accept']
      }
    ),
    ...names(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM'], { syscalls: ['accept'] })
  ],
  bind: names(['EADDRINUSE', 'EACCES', 'ENOMEM'], { syscalls: ['bind'] }),
  close: names(['EINTR', 'EIO'], { transparent: 'always' }),
  connect: [
    { error: 'EINTR', transparent: true },
    ...names(
      [
        'ECONNREFUSED',
        'ENETUNREACH',
        'EHOSTUNREACH',
        'EADDRNOTAVAIL',
        'EPERM',
        'ENOBUFS',
        'EAGAIN'
      ],
      {
        syscalls: ['connect']
      }
    )
  ],
  epoll_create1: names(['EMFILE', 'ENFILE', 'ENOMEM'], { syscalls: ['epoll_create1'] }),
  epoll_ctl_add: names(['ENOMEM', 'ENOSPC'], {
    syscalls: ['epoll_ctl', 'epoll_create1', 'connect']
  }),
  epoll_ctl_mod: names(['ENOMEM'], { syscalls: ['epoll_ctl', 'connect', 'send', 'sendto'] }),
  epoll_ctl_del: names(['ENOMEM'], { transparent: true, syscalls: ['epoll_ctl'] }),
  epoll_wait: [
    { error: 'EINTR', transparent: true },
    { limit: 1, transparent: 'always' },
    { error: 'ENOMEM', syscalls: ['epoll_wait'] }
  ],
  eventfd: names(['EMFILE', 'ENFILE', 'ENOMEM', 'ENODEV'], {
    syscalls: ['epoll_create1', 'pthread_create']
  }),
  fcntl: names(['EPERM'], { syscalls: ['fcntl'] }),
  getsockname: names(['ENOBUFS'], { syscalls: ['getsockname'] }),
  getsockopt: names(['ENOBUFS', 'ENOMEM'], { syscalls: ['getsockopt', 'connect', 'epoll_ctl'] }),
  // Whatever it answers, plain calls do what it did not.
  io_uring_enter: [
    ...names(['EINTR', 'EAGAIN', 'EBUSY', 'ENOMEM', 'EPERM', 'ENOSYS', 'EBADF'], {
      transparent: 'always'
    }),
    { limit: 1, transparent: 'always' }
  ],
  // EPERM: a filter of system calls, or kernel.io_uring_disabled. ENOMEM: RLIMIT_MEMLOCK.
  io_uring_setup: names(['EPERM', 'ENOSYS', 'ENOMEM', 'EINVAL', 'EMFILE', 'ENFILE'], {
    transparent: 'always'
  }),
  io_uring_worker: [{ limit: 1, transparent: 'always' }],
  listen: names(['EADDRINUSE', 'EACCES'], { syscalls: ['listen'] }),
  open: names(['EMFILE', 'ENFILE', 'ENOMEM'], { transparent: 'always' }),
  ppoll: names(['EINTR', 'ENOMEM'], { transparent: true }),
  pthread_create: names(['EAGAIN', 'EPERM'], { syscalls: ['pthread_create'] }),
  read: names(['EINTR'], { transparent: true }),
  recv: [
    ...names(['EINTR', 'EAGAIN'], { transparent: true }),
    { limit: 1, transparent: 'always' },
    { limit: 777, transparent: 'always' },
    ...names(['ECONNRESET', 'ETIMEDOUT', 'ENOMEM', 'EHOSTUNREACH', 'ENETDOWN'], {
      syscalls: ['recv']
    })
  ],
  recvmmsg: [
    ...names(['EINTR', 'EAGAIN'], { transparent: true }),
    { limit: 1, transparent: 'always' },
    ...names(['ENOMEM', 'ENOBUFS'], { syscalls: ['recvfrom'] })
  ],
  recvmsg: [
    ...names(['EINTR', 'EAGAIN'], { transparent: true }),
    ...names(['ENOMEM'], { syscalls: ['recvfrom'] })
  ],
  send: [
    ...names(['EINTR', 'EAGAIN'], { transparent: true }),
    { limit: 1, transparent: true },
    { limit: 777, transparent: 'always' },
    ...names(
      [
        'ENOBUFS',
        'ENOMEM',
        'ENETDOWN',
        'EHOSTUNREACH',
        'ETIMEDOUT',
        'ECONNRESET',
        'EPIPE',
        'EPERM'
      ],
      {
        syscalls: ['send']
      }
    )
  ],
  sendmmsg: [
    ...names(['EINTR', 'EAGAIN'], { transparent: true }),
    { limit: 1, transparent: 'always' },
    // Asked again by sendmsg, which then tells.
    ...names(['ENOBUFS', 'ENOMEM', 'EPERM'], { transparent: true })
  ],
  sendmsg: [
    ...names(['EINTR', 'EAGAIN'], { transparent: true }),
    { limit: 1, transparent: 'always' },
    // Twice, since the first answer may be about an earlier datagram.
    ...names(['ENOBUFS', 'ENOMEM', 'EPERM', 'EPIPE'], { times: 2, syscalls: ['send', 'sendto'] })
  ],
  sendto: [
    { error: 'EINTR', transparent: true },
    ...names(['ENOBUFS', 'ENOMEM', 'EPERM'], { syscalls: ['sendto'] })
  ],
  setsockopt: names(['ENOMEM', 'ENOBUFS'], { syscalls: ['setsockopt', 'epoll_ctl'] }),
  shutdown: names(['ENOTCONN', 'ENOBUFS'], { syscalls: ['shutdown'] }),
  socket: names(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EACCES'], { syscalls: ['socket'] }),
  write: names(['EINTR'], { transparent: true })
}

export const sweptCalls = Object.keys(table)
/** What only a poller meets that makes its calls by a ring. */
export const callsOfARing = ['io_uring_enter', 'io_uring_worker']
export const faultsOf = (call) => table[call]
