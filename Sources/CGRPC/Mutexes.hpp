// What gRPC's mutexes cost.
#pragma once

#include "absl/synchronization/mutex.h"

namespace cgrpc {

/// Turns Abseil's search for lock cycles off, for the whole process and once.
///
/// Debian builds Abseil with assertions, so that every mutex that gRPC locks while it holds another is looked up in a graph of
/// the whole process, behind one spin lock: 20,000 instructions of a small unary call. gRPC means the search for debugging; a
/// library that is built for release has none, and there this does nothing.
inline void search_no_lock_cycles() {
  static const bool once = [] {
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
    return true;
  }();
  (void)once;
}

}  // namespace cgrpc
