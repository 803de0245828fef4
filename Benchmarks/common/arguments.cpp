#include "common/arguments.h"

#include <algorithm>
#include <charconv>
#include <sstream>

namespace bench {
namespace {

template <class Number>
Number parse(const std::string& flag, const std::string& value, Number lowest, Number highest) {
  Number number{};
  const char* end = value.data() + value.size();
  auto [stopped, error] = std::from_chars(value.data(), end, number);
  if (error != std::errc{} || stopped != end || number < lowest || number > highest) {
    std::ostringstream message;
    message << "--" << flag << ": expected a number from " << lowest << " to " << highest;
    message << ", got \"" << value << "\"";
    throw ArgumentError(message.str());
  }
  return number;
}

}  // namespace

Arguments::Arguments(int count, char** values, const std::vector<std::string>& flags) {
  for (int index = 1; index < count; index++) {
    std::string word = values[index];
    if (word.rfind("--", 0) != 0) {
      words_.push_back(word);
      continue;
    }
    std::string flag = word.substr(2);
    if (std::find(flags.begin(), flags.end(), flag) == flags.end()) throw ArgumentError("unknown flag " + word);
    if (++index == count) throw ArgumentError(word + ": expected a value after it");
    flags_[flag] = values[index];
  }
}

std::string Arguments::text(const std::string& flag, const std::string& otherwise) const {
  auto found = flags_.find(flag);
  return found == flags_.end() ? otherwise : found->second;
}

uint64_t Arguments::whole(const std::string& flag, uint64_t otherwise, uint64_t lowest, uint64_t highest) const {
  auto found = flags_.find(flag);
  return found == flags_.end() ? otherwise : parse(flag, found->second, lowest, highest);
}

double Arguments::number(const std::string& flag, double otherwise, double lowest, double highest) const {
  auto found = flags_.find(flag);
  return found == flags_.end() ? otherwise : parse(flag, found->second, lowest, highest);
}

}  // namespace bench
