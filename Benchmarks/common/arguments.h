#pragma once
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace bench {

/// A command line that cannot be used; `what()` names the flag, the value and what was expected.
struct ArgumentError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The flags `--name value` and the words of a command line.
class Arguments {
 public:
  /// Reads the command line. Throws `ArgumentError` for a flag that is not in `flags` or has no value.
  Arguments(int count, char** values, const std::vector<std::string>& flags);

  /// The words that are not flags, in order.
  const std::vector<std::string>& words() const { return words_; }

  bool has(const std::string& flag) const { return flags_.count(flag) != 0; }

  /// The flag's value, or `otherwise` where it is absent.
  std::string text(const std::string& flag, const std::string& otherwise) const;

  /// The flag's value as a whole number in `lowest...highest`; throws `ArgumentError` for anything else.
  uint64_t whole(const std::string& flag, uint64_t otherwise, uint64_t lowest, uint64_t highest) const;

  /// The flag's value as a number in `lowest...highest`; throws `ArgumentError` for anything else.
  double number(const std::string& flag, double otherwise, double lowest, double highest) const;

 private:
  std::map<std::string, std::string> flags_;
  std::vector<std::string> words_;
};

}  // namespace bench
