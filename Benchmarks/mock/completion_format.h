#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace bench {

/// What a chat request asks for, of all that it may say.
struct ChatRequest {
  std::string model;
  bool stream = false;
  bool includeUsage = false;

  /// Reads the few fields that the mock heeds. A search, not a parser: a quote inside a JSON string is escaped, so
  /// `"model"` with its quotes can only be a key (or a whole string of that name, which no prompt here is).
  static ChatRequest read(std::string_view body);
};

/// A whole HTTP answer with a length. `status` is for instance `200 OK`.
void appendAnswer(std::string& out, std::string_view status, std::string_view contentType, std::string_view body);

/// An error in OpenAI's form.
void appendError(std::string& out, std::string_view status, std::string_view code, std::string_view message);

/// The answer of `/v1/models`.
void appendModels(std::string& out);

/// An answer without streaming: `tokens` tokens, stamped now.
void appendCompletion(std::string& out, const std::string& model, uint32_t tokens);

/// Server-sent events of one streamed answer, as chunks of HTTP/1.1. What does not change from token to token is
/// formatted once, so that the mock costs little beside what is measured.
class StreamFormat {
 public:
  explicit StreamFormat(const std::string& model);

  void appendHead(std::string& out) const;
  /// One token, stamped now.
  void appendToken(std::string& out, uint32_t index) const;
  /// The finish reason, the usage where it was asked for, `[DONE]`, and the end of the body.
  void appendTail(std::string& out, uint32_t tokens, bool includeUsage) const;

 private:
  std::string opening_, first_, next_;
};

}  // namespace bench
