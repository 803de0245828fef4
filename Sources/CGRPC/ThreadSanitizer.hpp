// What ThreadSanitizer cannot see for itself: that libgrpc's completion queue orders the start of an operation before
// the event of its completion, and that Swift's Mutex is a lock. Both live in libraries that are not instrumented.
#pragma once

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CGRPC_THREAD_SANITIZER 1
#endif
#endif

#ifdef CGRPC_THREAD_SANITIZER
extern "C" void __tsan_acquire(void *address);
extern "C" void __tsan_release(void *address);
#endif

namespace cgrpc {

/// What this thread did so far comes before ...
inline void happens_before([[maybe_unused]] void *address) noexcept {
#ifdef CGRPC_THREAD_SANITIZER
  __tsan_release(address);
#endif
}

/// ... what this thread does from now on.
inline void happens_after([[maybe_unused]] void *address) noexcept {
#ifdef CGRPC_THREAD_SANITIZER
  __tsan_acquire(address);
#endif
}

}  // namespace cgrpc
