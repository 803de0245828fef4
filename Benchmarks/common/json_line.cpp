#include "common/json_line.h"

#include <cstdio>

namespace bench {

std::string jsonString(std::string_view text) {
  std::string result = "\"";
  for (unsigned char byte : text) {
    if (byte == '"' || byte == '\\') {
      result += '\\';
      result += char(byte);
    } else if (byte < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", unsigned(byte));
      result += escape;
    } else {
      result += char(byte);
    }
  }
  return result + "\"";
}

JSONLine& JSONLine::addJSON(std::string_view name, std::string_view json) {
  if (!fields_.empty()) fields_ += ",";
  fields_ += jsonString(name);
  fields_ += ":";
  fields_ += json;
  return *this;
}

JSONLine& JSONLine::add(std::string_view name, std::string_view text) { return addJSON(name, jsonString(text)); }

JSONLine& JSONLine::add(std::string_view name, uint64_t number) { return addJSON(name, std::to_string(number)); }

JSONLine& JSONLine::add(std::string_view name, double number) {
  char digits[64];
  std::snprintf(digits, sizeof digits, "%.3f", number);
  return addJSON(name, digits);
}

void JSONLine::print() const {
  std::string line = text() + "\n";
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fflush(stdout);
}

}  // namespace bench
