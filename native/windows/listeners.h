// Listeners: several AcceptEx calls are always posted, and what they accepted is given out in
// order. Refuses to know what becomes of it.
#pragma once

#include "../contract/batch.h"
#include "watch_table.h"

namespace pollport {

// Minus the error when not a single call could be posted.
Result begin_accepting(Port& port, Watched& watched);
// An AcceptEx call is done: keeps it for serve_listener().
void complete_accept(Watched& watched, Operation& operation);
// Gives out up to `budget` connections, kKindAccepted for each, and posts new calls in their place;
// kKindAcceptFailed when none can be posted, or when a posted one failed because handles or memory
// have run out.
void serve_listener(Port& port, Watched& watched, int32_t budget, Batch& batch);

}  // namespace pollport
