// Counts a process's handles, for whoever looks for a leak. Refuses to know what they are.
#pragma once

#include <cstdint>

#include "../contract/result.h"

namespace pollport {

Result count_handles(uint32_t process);

}  // namespace pollport
