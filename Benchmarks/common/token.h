#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>

namespace bench {

/// A token of the mock upstream: `~IIII@SSSSSSSSSSSS`, where I is its index in the answer (modulo 65536) and S the
/// moment it was written, CLOCK_MONOTONIC in microseconds, both in hexadecimal. It survives JSON and protobuf
/// unchanged, so that whoever reads it at the end knows its order and how long it travelled.
struct Token {
  static constexpr char mark = '~';
  static constexpr size_t length = 18;

  uint16_t index;
  uint64_t writtenMicroseconds;

  /// Writes the token's 18 characters to `to`.
  void format(char* to) const {
    to[0] = mark;
    writeHexadecimal(to + 1, 4, index);
    to[5] = '@';
    writeHexadecimal(to + 6, 12, writtenMicroseconds);
  }

  /// Reads 18 characters; nothing when they are not a token.
  static std::optional<Token> parse(const char* from) {
    uint64_t index = 0, written = 0;
    if (from[0] != mark || from[5] != '@') return std::nullopt;
    if (!readHexadecimal(from + 1, 4, index) || !readHexadecimal(from + 6, 12, written)) return std::nullopt;
    return Token{uint16_t(index), written};
  }

 private:
  static void writeHexadecimal(char* to, int digits, uint64_t value) {
    for (int position = digits - 1; position >= 0; position--, value >>= 4) {
      to[position] = "0123456789abcdef"[value & 15];
    }
  }

  static bool readHexadecimal(const char* from, int digits, uint64_t& value) {
    for (int position = 0; position < digits; position++) {
      char digit = from[position];
      if (digit >= '0' && digit <= '9') value = value << 4 | uint64_t(digit - '0');
      else if (digit >= 'a' && digit <= 'f') value = value << 4 | uint64_t(digit - 'a' + 10);
      else return false;
    }
    return true;
  }
};

}  // namespace bench
