#include "mock/http_request.h"

#include <strings.h>

#include <algorithm>
#include <charconv>

namespace bench {
namespace {

constexpr size_t largestHead = 64 << 10;
constexpr size_t largestBody = 16 << 20;
constexpr std::string_view lineEnd = "\r\n";

/// The value of `line` when it is the header `name`, blanks around it cut off; no data otherwise.
std::string_view headerValue(std::string_view line, std::string_view name) {
  if (line.size() <= name.size() || line[name.size()] != ':') return {};
  if (strncasecmp(line.data(), name.data(), name.size()) != 0) return {};
  line.remove_prefix(name.size() + 1);
  size_t first = line.find_first_not_of(" \t");
  return first == std::string_view::npos ? std::string_view{} : line.substr(first);
}

bool parseNumber(std::string_view text, int base, size_t& number) {
  auto [stopped, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  (void)stopped;  // A chunk's size may have an extension after it.
  return error == std::errc{};
}

}  // namespace

HTTPRequestReader::Outcome HTTPRequestReader::next(HTTPRequest& request) {
  Head head;
  request = HTTPRequest{};
  if (Outcome outcome = readHead(request, head); outcome != Outcome::ready) return outcome;

  size_t end = head.end + head.length;
  Outcome outcome = Outcome::ready;
  if (head.chunked) {
    outcome = readChunks(head.end, request, end);
  } else if (buffer_.size() < end) {
    outcome = Outcome::incomplete;
  } else {
    request.body.assign(buffer_, head.end, head.length);
  }
  if (outcome == Outcome::incomplete && head.expectsContinue && !continued_) {
    continued_ = true;
    return Outcome::expectsContinue;
  }
  if (outcome != Outcome::ready) return outcome;
  buffer_.erase(0, end);
  continued_ = false;
  return Outcome::ready;
}

HTTPRequestReader::Outcome HTTPRequestReader::readHead(HTTPRequest& request, Head& head) const {
  size_t headEnd = buffer_.find("\r\n\r\n");
  if (headEnd == std::string::npos) return buffer_.size() > largestHead ? Outcome::malformed : Outcome::incomplete;
  head.end = headEnd + 4;

  std::string_view lines = std::string_view(buffer_).substr(0, headEnd + lineEnd.size());
  std::string_view start = lines.substr(0, lines.find(lineEnd));
  size_t afterMethod = start.find(' '), afterPath = start.rfind(' ');
  if (afterMethod == std::string_view::npos || afterPath <= afterMethod) return Outcome::malformed;
  request.method = start.substr(0, afterMethod);
  request.path = start.substr(afterMethod + 1, afterPath - afterMethod - 1);
  request.path.resize(std::min(request.path.size(), request.path.find('?')));

  for (size_t position = start.size() + lineEnd.size(); position < lines.size();) {
    size_t end = lines.find(lineEnd, position);
    std::string_view line = lines.substr(position, end - position);
    position = end + lineEnd.size();
    if (auto length = headerValue(line, "content-length"); !length.empty()) {
      if (!parseNumber(length, 10, head.length) || head.length > largestBody) return Outcome::malformed;
    } else if (auto coding = headerValue(line, "transfer-encoding"); !coding.empty()) {
      head.chunked = coding.find("chunked") != std::string_view::npos;
    } else if (!headerValue(line, "expect").empty()) {
      head.expectsContinue = true;
    } else if (auto option = headerValue(line, "connection"); !option.empty()) {
      request.closes = option.find("close") != std::string_view::npos;
    }
  }
  return Outcome::ready;
}

HTTPRequestReader::Outcome HTTPRequestReader::readChunks(size_t position, HTTPRequest& request, size_t& end) const {
  while (request.body.size() <= largestBody) {
    size_t sizeEnd = buffer_.find(lineEnd, position), size = 0;
    if (sizeEnd == std::string::npos) return Outcome::incomplete;
    std::string_view digits = std::string_view(buffer_).substr(position, sizeEnd - position);
    if (!parseNumber(digits, 16, size) || size > largestBody) return Outcome::malformed;
    position = sizeEnd + lineEnd.size();
    if (buffer_.size() < position + size + lineEnd.size()) return Outcome::incomplete;
    request.body.append(buffer_, position, size);
    position += size + lineEnd.size();
    if (size == 0) {
      end = position;
      return Outcome::ready;
    }
  }
  return Outcome::malformed;
}

}  // namespace bench
