#pragma once
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace bench {

/// Reads one answer of HTTP/1.1: a head, then a body with a length or in chunks.
class HTTPResponseReader {
 public:
  enum class Outcome { incomplete, complete, malformed };
  using Body = std::function<void(std::string_view)>;

  /// Takes what belongs to the answer off the front of `bytes`; pieces of the body go to `body`.
  Outcome read(std::string_view& bytes, const Body& body);

  /// The status code, once the head is read.
  int status() const { return status_; }
  /// Ready for the next answer of the connection.
  void reset() { *this = HTTPResponseReader(); }

 private:
  enum class Part { head, sized, chunkSize, chunk, chunkEnd, trailer };

  Outcome readHead(std::string_view& bytes);
  void takeBody(std::string_view& bytes, const Body& body);
  /// Takes a line off `bytes` into `line_`; false when its end has not come.
  bool takeLine(std::string_view& bytes);

  Part part_ = Part::head;
  int status_ = 0;
  bool chunked_ = false;
  size_t left_ = 0;
  std::string line_;
};

}  // namespace bench
