#pragma once
#include <cstdint>

namespace bench {

/// Messages in one answer of `Stream` and `StreamHinted`.
inline constexpr int streamLength = 64;

/// Serves `LimitService` until a signal ends the process; returns early only when it cannot listen.
/// Both take whole messages as bytes, whatever the method: what a bridge to another language does too.
void serveWithCallbacks(uint16_t port);

/// As above, over one completion queue that one thread polls.
void serveWithCompletionQueue(uint16_t port);

}  // namespace bench
