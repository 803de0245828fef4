#include "mock/behaviour.h"

#include <charconv>

namespace bench {
namespace {

constexpr uint32_t mostTokens = 1'000'000;
constexpr uint32_t longestDelay = 60'000;

/// Takes a number off the front of `text`; nothing unless one is there and is in `1...highest`.
std::optional<uint32_t> takeNumber(std::string_view& text, uint32_t highest) {
  uint32_t number = 0;
  auto [stopped, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || number == 0 || number > highest) return std::nullopt;
  text.remove_prefix(size_t(stopped - text.data()));
  return number;
}

bool takePrefix(std::string_view& text, std::string_view prefix) {
  if (text.substr(0, prefix.size()) != prefix) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool takeOption(std::string_view& text, Behaviour& behaviour) {
  if (takePrefix(text, "whole")) {
    behaviour.tokensPerWrite = Behaviour::endless;
    return true;
  }
  if (takePrefix(text, "by")) {
    auto count = takeNumber(text, mostTokens);
    if (count) behaviour.tokensPerWrite = *count;
    return count.has_value();
  }
  auto delay = takeNumber(text, longestDelay);
  if (delay) behaviour.delayMilliseconds = *delay;
  return delay && takePrefix(text, "ms");
}

}  // namespace

std::optional<Behaviour> Behaviour::named(std::string_view model) {
  Behaviour behaviour;
  if (!takePrefix(model, "mock-")) return std::nullopt;
  if (takePrefix(model, "endless")) {
    behaviour.tokens = endless;
  } else if (auto count = takeNumber(model, mostTokens)) {
    behaviour.tokens = *count;
  } else {
    return std::nullopt;
  }
  while (!model.empty()) {
    if (!takePrefix(model, "-") || !takeOption(model, behaviour)) return std::nullopt;
  }
  // An answer without an end cannot be one write.
  if (behaviour.tokens == endless && behaviour.tokensPerWrite == endless) return std::nullopt;
  return behaviour;
}

const std::vector<std::string>& listedModels() {
  static const std::vector<std::string> names = {"mock-8",        "mock-64",      "mock-64-10ms", "mock-64-40ms",
                                                 "mock-64-whole", "mock-endless", "mock-endless-10ms"};
  return names;
}

}  // namespace bench
