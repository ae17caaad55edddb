// Counts a process's handles, for tests that look for a leak. Refuses to know what they are.
#pragma once

#include <cstdint>

#include "../contract/result.h"

namespace pollport {

Result count_handles(uint32_t process);

}  // namespace pollport
