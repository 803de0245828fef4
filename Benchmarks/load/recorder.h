#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/token.h"
#include "load/options.h"
#include "load/token_scanner.h"

namespace bench {

/// Decides whether another request may start, and keeps what was measured.
class Recorder {
 public:
  explicit Recorder(const Options& options) : options_(options) {}

  /// Starts the clock: everything is connected.
  void begin();
  /// True while neither the number of requests nor the time is used up.
  bool mayStart() const;
  /// True once so much time has passed after the last start that what is in flight counts as lost.
  bool gaveUp() const;
  uint64_t inFlight() const { return started_ - succeeded_ - failed_; }

  /// A request starts. Returns the answer to be filled.
  Answer started();
  /// A token came; called before it is counted in `answer`.
  void token(const Answer& answer, const Token& token, uint64_t now);
  /// Messages that have no tokens inside (the echo streams).
  void messages(uint32_t count) { tokens_ += count; }
  /// The answer is over; `fault` is empty for a good one.
  void finished(const Answer& answer, const std::string& fault);
  /// How a stream that was never read ended.
  void stuckEnded(const std::string& status) { stuckStatuses_[status]++; }

  /// How many of the first requests should have started by now.
  uint32_t rampedUp() const;

  /// Prints the report as a line of JSON. True when every answer was good and there was at least one.
  bool report();

 private:
  Options options_;
  uint64_t begun_ = 0, lastFinish_ = 0;
  uint64_t started_ = 0, succeeded_ = 0, failed_ = 0, tokens_ = 0;
  std::map<std::string, uint64_t> faults_, stuckStatuses_;
  std::vector<float> latencies_, firstTokens_, gaps_, delays_;
};

}  // namespace bench
