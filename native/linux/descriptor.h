// Descriptors beside sockets' calls: a second one for the same thing. Refuses to know what it is
// open on.
#pragma once

#include "../contract/result.h"

namespace pollport {

// Another descriptor of the same open socket, close-on-exec.
Result duplicate_descriptor(int fd);

}  // namespace pollport
