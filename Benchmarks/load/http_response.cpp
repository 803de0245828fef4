#include "load/http_response.h"

#include <strings.h>

#include <algorithm>
#include <charconv>

namespace bench {
namespace {

bool startsWith(std::string_view line, std::string_view prefix) {
  return line.size() >= prefix.size() && strncasecmp(line.data(), prefix.data(), prefix.size()) == 0;
}

bool parseNumber(std::string_view text, int base, size_t& number) {
  text.remove_prefix(std::min(text.size(), text.find_first_not_of(' ')));
  return std::from_chars(text.data(), text.data() + text.size(), number, base).ec == std::errc{};
}

}  // namespace

HTTPResponseReader::Outcome HTTPResponseReader::read(std::string_view& bytes, const Body& body) {
  while (!bytes.empty()) {
    switch (part_) {
      case Part::head:
        if (Outcome outcome = readHead(bytes); outcome != Outcome::incomplete) return outcome;
        break;
      case Part::sized:
        takeBody(bytes, body);
        if (left_ == 0) return Outcome::complete;
        break;
      case Part::chunkSize:
        if (!takeLine(bytes)) return Outcome::incomplete;
        if (!parseNumber(line_, 16, left_)) return Outcome::malformed;
        line_.clear();
        part_ = left_ == 0 ? Part::trailer : Part::chunk;
        break;
      case Part::chunk:
        takeBody(bytes, body);
        if (left_ == 0) part_ = Part::chunkEnd;
        break;
      case Part::chunkEnd:
        if (!takeLine(bytes)) return Outcome::incomplete;
        line_.clear();
        part_ = Part::chunkSize;
        break;
      case Part::trailer:
        if (!takeLine(bytes)) return Outcome::incomplete;
        if (line_.empty()) return Outcome::complete;
        line_.clear();
        break;
    }
  }
  return Outcome::incomplete;
}

HTTPResponseReader::Outcome HTTPResponseReader::readHead(std::string_view& bytes) {
  while (takeLine(bytes)) {
    std::string line;
    line.swap(line_);
    if (status_ == 0) {
      size_t code = 0;
      if (!startsWith(line, "HTTP/1.1 ") || !parseNumber(line.substr(9), 10, code)) return Outcome::malformed;
      status_ = int(code);
    } else if (startsWith(line, "content-length:")) {
      if (!parseNumber(std::string_view(line).substr(15), 10, left_)) return Outcome::malformed;
    } else if (startsWith(line, "transfer-encoding:")) {
      chunked_ = true;
    } else if (line.empty()) {
      part_ = chunked_ ? Part::chunkSize : Part::sized;
      return !chunked_ && left_ == 0 ? Outcome::complete : Outcome::incomplete;
    }
  }
  return Outcome::incomplete;
}

void HTTPResponseReader::takeBody(std::string_view& bytes, const Body& body) {
  size_t count = std::min(bytes.size(), left_);
  body(bytes.substr(0, count));
  bytes.remove_prefix(count);
  left_ -= count;
}

bool HTTPResponseReader::takeLine(std::string_view& bytes) {
  size_t end = bytes.find('\n');
  line_ += bytes.substr(0, end);
  if (end == std::string_view::npos) {
    bytes = {};
    return false;
  }
  bytes.remove_prefix(end + 1);
  if (!line_.empty() && line_.back() == '\r') line_.pop_back();
  return true;
}

}  // namespace bench
