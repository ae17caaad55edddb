// fcntl(2), F_DUPFD_CLOEXEC.

#include "descriptor.h"

#include <fcntl.h>

#include <cerrno>

namespace pollport {

Result duplicate_descriptor(int fd) {
  const int duplicate = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  return duplicate >= 0 ? duplicate : -errno;
}

}  // namespace pollport
