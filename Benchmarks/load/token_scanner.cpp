#include "load/token_scanner.h"

#include <cstring>

#include "common/token.h"
#include "load/recorder.h"

namespace bench {

void Answer::scan(std::string_view bytes, uint64_t now, Recorder& recorder) {
  std::string joined;
  if (!rest_.empty()) {
    joined.swap(rest_);
    joined += bytes;
    bytes = joined;
  }
  for (;;) {
    size_t found = bytes.find(Token::mark);
    if (found == std::string_view::npos) return;
    bytes.remove_prefix(found);
    if (bytes.size() < Token::length) {
      rest_ = bytes;
      return;
    }
    auto token = Token::parse(bytes.data());
    if (!token) {
      bytes.remove_prefix(1);
      continue;
    }
    bytes.remove_prefix(Token::length);
    if (token->index != uint16_t(tokens)) outOfOrder = true;
    recorder.token(*this, *token, now);
    tokens++;
    lastToken = now;
  }
}

std::string Answer::fault(uint32_t expected) const {
  if (outOfOrder) return "tokens out of order";
  if (tokens == expected) return {};
  return "expected " + std::to_string(expected) + " tokens, got " + std::to_string(tokens);
}

}  // namespace bench
