// The clock by which every wait and deadline is measured. The JavaScript one can be replaced, and a
// test that fakes time does so.
#pragma once

namespace pollport {

// Milliseconds, with fractions, of a clock that nobody sets. Where it begins means nothing.
double clock_ms();

}  // namespace pollport
