// Listeners: accepts what one wait may take, and has a descriptor to spare for when there is none
// left. Refuses to know what becomes of the accepted sockets.
#pragma once

#include "../contract/batch.h"
#include "watch_table.h"

namespace pollport {

// Accepts up to `budget` connections: kKindAccepted for each. With no descriptor left, `spare` is
// given up to refuse one connection, so that its peer sees it, and kKindAcceptFailed reports it.
void serve_listener(WatchTable& table, int32_t index, int32_t budget, UniqueFd& spare,
                    Batch& batch);

// A descriptor that is held only to be given up.
UniqueFd open_spare();

}  // namespace pollport
