#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace bench {

/// `text` as a JSON string with its quotes; bytes that are not ASCII pass as they are.
std::string jsonString(std::string_view text);

/// Builds one JSON object, field by field, to be printed as a line.
class JSONLine {
 public:
  JSONLine& add(std::string_view name, std::string_view text);
  JSONLine& add(std::string_view name, const char* text) { return add(name, std::string_view(text)); }
  JSONLine& add(std::string_view name, uint64_t number);
  JSONLine& add(std::string_view name, double number);
  /// A field whose value is JSON already.
  JSONLine& addJSON(std::string_view name, std::string_view json);

  /// The object, closed.
  std::string text() const { return "{" + fields_ + "}"; }

  /// Prints the object as a line on stdout and flushes it, for a reader at the other end of a pipe.
  void print() const;

 private:
  std::string fields_;
};

}  // namespace bench
