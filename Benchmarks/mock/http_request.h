#pragma once
#include <string>
#include <string_view>

namespace bench {

/// One request of HTTP/1.1, whole.
struct HTTPRequest {
  std::string method, path, body;
  /// The client said `Connection: close`.
  bool closes = false;
};

/// Collects the bytes of a connection and cuts them into requests: bodies with a length or chunked, no trailers.
class HTTPRequestReader {
 public:
  enum class Outcome { incomplete, ready, expectsContinue, malformed };

  void append(const char* bytes, size_t count) { buffer_.append(bytes, count); }

  /// Takes the next request off the buffer where it is complete. `expectsContinue` comes once for a request whose
  /// client waits for `100 Continue` before it sends the body.
  Outcome next(HTTPRequest& request);

 private:
  struct Head {
    size_t end = 0, length = 0;
    bool chunked = false, expectsContinue = false;
  };

  Outcome readHead(HTTPRequest& request, Head& head) const;
  Outcome readChunks(size_t position, HTTPRequest& request, size_t& end) const;

  std::string buffer_;
  bool continued_ = false;
};

}  // namespace bench
