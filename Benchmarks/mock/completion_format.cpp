#include "mock/completion_format.h"

#include <cstdio>

#include "common/clock.h"
#include "common/json_line.h"
#include "common/token.h"
#include "mock/behaviour.h"

namespace bench {
namespace {

constexpr uint32_t promptTokens = 11;
constexpr std::string_view afterToken = "\"},\"finish_reason\":null}]}\n\n\r\n";

/// The value after `key` (with its quotes), blanks skipped; empty when the key is absent.
std::string_view valueAfter(std::string_view body, std::string_view key) {
  size_t found = body.find(key);
  if (found == std::string_view::npos) return {};
  size_t start = body.find_first_not_of(" \t\r\n:", found + key.size());
  return start == std::string_view::npos ? std::string_view{} : body.substr(start);
}

bool isTrue(std::string_view value) { return value.substr(0, 4) == "true"; }

void appendChunk(std::string& out, std::string_view data) {
  char size[24];
  std::snprintf(size, sizeof size, "%zx\r\n", data.size());
  out += size;
  out += data;
  out += "\r\n";
}

void appendStamped(std::string& out, uint32_t index) {
  char text[Token::length];
  Token{uint16_t(index), nanosecondsNow() / 1000}.format(text);
  out.append(text, sizeof text);
}

std::string usage(uint32_t tokens) {
  return "{\"prompt_tokens\":" + std::to_string(promptTokens) + ",\"completion_tokens\":" + std::to_string(tokens) +
         ",\"total_tokens\":" + std::to_string(promptTokens + tokens) + "}";
}

/// A chunk's text up to a token, with the head that HTTP wants before it.
std::string chunkUpToToken(const std::string& text) {
  char size[24];
  // Two bytes of `afterToken` are the chunk's own line end.
  std::snprintf(size, sizeof size, "%zx\r\n", text.size() + Token::length + afterToken.size() - 2);
  return size + text;
}

}  // namespace

ChatRequest ChatRequest::read(std::string_view body) {
  ChatRequest request;
  std::string_view model = valueAfter(body, "\"model\"");
  if (!model.empty() && model.front() == '"') request.model = model.substr(1, model.find('"', 1) - 1);
  request.stream = isTrue(valueAfter(body, "\"stream\""));
  request.includeUsage = isTrue(valueAfter(body, "\"include_usage\""));
  return request;
}

void appendAnswer(std::string& out, std::string_view status, std::string_view contentType, std::string_view body) {
  out.append("HTTP/1.1 ").append(status).append("\r\ncontent-type: ").append(contentType);
  out.append("\r\ncontent-length: ").append(std::to_string(body.size())).append("\r\n\r\n").append(body);
}

void appendError(std::string& out, std::string_view status, std::string_view code, std::string_view message) {
  JSONLine error;
  error.add("message", message).add("type", "invalid_request_error").add("code", code);
  appendAnswer(out, status, "application/json", JSONLine().addJSON("error", error.text()).text());
}

void appendModels(std::string& out) {
  std::string list;
  for (const std::string& name : listedModels()) {
    JSONLine model;
    model.add("id", name).add("object", "model").add("created", uint64_t(1'700'000'000)).add("owned_by", "mock");
    list += (list.empty() ? "" : ",") + model.text();
  }
  JSONLine answer;
  answer.add("object", "list").addJSON("data", "[" + list + "]");
  appendAnswer(out, "200 OK", "application/json", answer.text());
}

void appendCompletion(std::string& out, const std::string& model, uint32_t tokens) {
  std::string body = "{\"id\":\"chatcmpl-mock0001\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":";
  body += jsonString(model);
  body += ",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"";
  for (uint32_t index = 0; index < tokens; index++) appendStamped(body, index);
  body += "\"},\"finish_reason\":\"stop\"}],\"usage\":" + usage(tokens) + "}";
  appendAnswer(out, "200 OK", "application/json", body);
}

StreamFormat::StreamFormat(const std::string& model)
    : opening_("data: {\"id\":\"chatcmpl-mock0001\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,"
               "\"model\":" +
               jsonString(model) + ",\"choices\":["),
      first_(chunkUpToToken(opening_ + "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"")),
      next_(chunkUpToToken(opening_ + "{\"index\":0,\"delta\":{\"content\":\"")) {}

void StreamFormat::appendHead(std::string& out) const {
  out += "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n"
         "transfer-encoding: chunked\r\n\r\n";
}

void StreamFormat::appendToken(std::string& out, uint32_t index) const {
  out += index == 0 ? first_ : next_;
  appendStamped(out, index);
  out += afterToken;
}

void StreamFormat::appendTail(std::string& out, uint32_t tokens, bool includeUsage) const {
  appendChunk(out, opening_ + "{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n");
  if (includeUsage) appendChunk(out, opening_ + "],\"usage\":" + usage(tokens) + "}\n\n");
  appendChunk(out, "data: [DONE]\n\n");
  out += "0\r\n\r\n";
}

}  // namespace bench
