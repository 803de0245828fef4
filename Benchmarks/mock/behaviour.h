#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// How the mock answers, as the model's name says: `mock-COUNT[-DELAYms][-whole|-byK]`.
///
///     mock-64          64 tokens as fast as they go out, each in a write of its own
///     mock-64-10ms     64 tokens, one every 10 ms, the first 10 ms after the request
///     mock-64-whole    64 tokens in one write
///     mock-64-by4      four tokens in each write
///     mock-endless     tokens until the client goes away
///
/// Without `stream` the same tokens come in one JSON answer, after COUNT x DELAY.
struct Behaviour {
  static constexpr uint32_t endless = UINT32_MAX;

  uint32_t tokens = 64;
  uint32_t delayMilliseconds = 0;
  uint32_t tokensPerWrite = 1;

  /// Nothing when `model` is not a name of this form.
  static std::optional<Behaviour> named(std::string_view model);
};

/// The names that `/v1/models` lists; any other name of the form is served as well.
const std::vector<std::string>& listedModels();

}  // namespace bench
