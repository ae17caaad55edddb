// The binaries of a package that is published, under prebuilds/.
export const everyTarget = ['x64', 'arm64'].flatMap((arch) => [
  `linux-${arch}/pollport.glibc.node`,
  `linux-${arch}/pollport.musl.node`,
  `win32-${arch}/pollport.node`
])
