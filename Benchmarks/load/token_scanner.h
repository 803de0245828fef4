#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace bench {

class Recorder;

/// One answer as the client sees it: when it began, and the tokens that came, in order or not.
struct Answer {
  uint64_t begun = 0;
  uint64_t lastToken = 0;
  uint32_t tokens = 0;
  bool outOfOrder = false;

  /// Finds the tokens in the next bytes of the answer, which may split a token, and reports each to `recorder`.
  void scan(std::string_view bytes, uint64_t now, Recorder& recorder);

  /// What is wrong with the answer, now that it is over; empty when it has `expected` tokens in order.
  std::string fault(uint32_t expected) const;

 private:
  /// The front of a token whose rest has not come yet.
  std::string rest_;
};

}  // namespace bench
