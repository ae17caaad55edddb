// What exchange-test.cc runs beside its random rounds.
#pragma once

#include <cstdint>

// Promises about native/windows/ that want a system which does one certain thing. Ends the process
// with a sentence when one is not kept.
void keep_promises();
// Operations as the raw floor starts, takes and frees them, in random order.
void raw_operations(uint32_t seed);
// Every error that a completion may be told with, one a line.
void print_errors();
