#include "mock/connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/clock.h"
#include "common/json_line.h"

namespace bench {
namespace {

/// Above this a client counts as slow and gets no new tokens; the kernel's own buffers come on top.
constexpr size_t mostPendingBytes = 64 << 10;

}  // namespace

Connection::Connection(int descriptor, uint64_t serial, Counters& counters)
    : descriptor_(descriptor), serial_(serial), counters_(counters) {
  counters_.connections++;
}

Connection::~Connection() {
  if (state_ == State::writing || state_ == State::paced) counters_.abandoned++;
  close(descriptor_);
}

void Connection::receive(const char* bytes, size_t count) {
  reader_.append(bytes, count);
  serveNext();
}

void Connection::serveNext() {
  while (state_ == State::reading) {
    HTTPRequest request;
    switch (reader_.next(request)) {
      case HTTPRequestReader::Outcome::incomplete:
        return;
      case HTTPRequestReader::Outcome::expectsContinue:
        out_ += "HTTP/1.1 100 Continue\r\n\r\n";
        return;
      case HTTPRequestReader::Outcome::malformed:
        appendError(out_, "400 Bad Request", "bad_request", "the mock cannot read this request");
        state_ = State::closing;
        return;
      case HTTPRequestReader::Outcome::ready:
        serve(request);
    }
  }
}

void Connection::serve(const HTTPRequest& request) {
  closesAfterAnswer_ = request.closes;
  if (request.method == "POST" && request.path == "/v1/chat/completions") return startChat(request.body);
  if (request.method == "GET" && request.path == "/v1/models") {
    appendModels(out_);
  } else if (request.method == "GET" && request.path == "/health") {
    // Gateways that we are measured against ask for it before they route to an upstream.
    appendAnswer(out_, "200 OK", "application/json", "{\"status\":\"ok\"}");
  } else if (request.method == "GET" && request.path == "/stats") {
    appendAnswer(out_, "200 OK", "application/json", statistics());
  } else {
    appendError(out_, "404 Not Found", "not_found", "the mock has no " + request.method + " " + request.path);
  }
  finishAnswer();
}

void Connection::startChat(const std::string& body) {
  counters_.requests++;
  request_ = ChatRequest::read(body);
  auto behaviour = Behaviour::named(request_.model);
  if (!behaviour || (behaviour->tokens == Behaviour::endless && !request_.stream)) {
    appendError(out_, "404 Not Found", "model_not_found",
                "the model \"" + request_.model + "\" is not of the form mock-COUNT[-DELAYms][-whole|-byK]");
    return finishAnswer();
  }
  behaviour_ = *behaviour;
  written_ = 0;
  uint64_t delay = behaviour_.delayMilliseconds * nanosecondsPerMillisecond;
  due_ = nanosecondsNow() + (request_.stream ? delay : delay * behaviour_.tokens);
  state_ = delay == 0 ? State::writing : State::paced;
  if (!request_.stream) {
    if (delay == 0) answerWhole();
    return;
  }
  format_.emplace(request_.model);
  format_->appendHead(out_);
}

void Connection::advance() {
  if (!request_.stream) {
    answerWhole();
    return serveNext();
  }
  due_ += behaviour_.delayMilliseconds * nanosecondsPerMillisecond;
  if (out_.size() > mostPendingBytes) return;

  uint32_t count = std::min(behaviour_.tokensPerWrite, behaviour_.tokens - written_);
  for (uint32_t index = 0; index < count; index++) format_->appendToken(out_, written_ + index);
  counters_.tokens += count;
  // An answer without an end may count beyond 32 bits; its index is modulo 65536 anyway.
  written_ = behaviour_.tokens == Behaviour::endless ? (written_ + count) & 0xff'ffff : written_ + count;
  if (written_ != behaviour_.tokens) return;
  format_->appendTail(out_, behaviour_.tokens, request_.includeUsage);
  counters_.completed++;
  finishAnswer();
  serveNext();
}

void Connection::answerWhole() {
  appendCompletion(out_, request_.model, behaviour_.tokens);
  counters_.tokens += behaviour_.tokens;
  counters_.completed++;
  finishAnswer();
}

void Connection::finishAnswer() { state_ = closesAfterAnswer_ ? State::closing : State::reading; }

bool Connection::flush() {
  size_t sent = 0;
  while (sent < out_.size()) {
    ssize_t count = send(descriptor_, out_.data() + sent, out_.size() - sent, MSG_NOSIGNAL);
    if (count > 0) {
      sent += size_t(count);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      break;
    } else if (errno != EINTR) {
      return false;
    }
  }
  out_.erase(0, sent);
  return true;
}

std::string Connection::statistics() const {
  JSONLine line;
  line.add("connections", counters_.connections).add("requests", counters_.requests);
  line.add("completed", counters_.completed).add("abandoned", counters_.abandoned).add("tokens", counters_.tokens);
  return line.text();
}

}  // namespace bench
