// The typed face of native/binding/descriptor.cc (Linux build). Results follow the rule in
// socket.ts.

export interface DescriptorBinding {
  /**
   * fcntl(2), F_DUPFD_CLOEXEC: another descriptor of the same open socket, owned by nobody until
   * `socketOwn`.
   */
  fcntlDupFd(fd: number): number
}
