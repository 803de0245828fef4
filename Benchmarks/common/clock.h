#pragma once
#include <cstdint>
#include <ctime>

namespace bench {

/// CLOCK_MONOTONIC in nanoseconds: one clock for every process of a machine, so that stamps can be compared.
inline uint64_t nanosecondsNow() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return uint64_t(time.tv_sec) * 1'000'000'000u + uint64_t(time.tv_nsec);
}

inline constexpr uint64_t nanosecondsPerMillisecond = 1'000'000;
inline constexpr uint64_t nanosecondsPerSecond = 1'000'000'000;

}  // namespace bench
