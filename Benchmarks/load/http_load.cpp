#include "load/http_load.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <system_error>
#include <vector>

#include "common/clock.h"
#include "common/json_line.h"
#include "common/loopback.h"
#include "load/http_response.h"

namespace bench {
namespace {

std::string requestBytes(const Options& options) {
  JSONLine message, body;
  message.add("role", "user").add("content", prompt);
  body.add("model", options.model).addJSON("messages", "[" + message.text() + "]");
  body.addJSON("stream", options.isStream() ? "true" : "false");
  if (options.isStream()) body.addJSON("stream_options", "{\"include_usage\":true}");
  std::string json = body.text();
  return "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(options.port) +
         "\r\nContent-Type: application/json\r\nAccept: */*\r\nContent-Length: " + std::to_string(json.size()) +
         "\r\n\r\n" + json;
}

/// A connection and the answer that comes over it.
class HTTPClient {
 public:
  HTTPClient(const Options& options, Recorder& recorder, const std::string& request)
      : options_(options), recorder_(recorder), request_(request), descriptor_(connectToLoopback(options.port)) {}
  ~HTTPClient() { close(descriptor_); }
  HTTPClient(const HTTPClient&) = delete;
  HTTPClient& operator=(const HTTPClient&) = delete;

  int descriptor() const { return descriptor_; }

  void start() {
    if (!recorder_.mayStart()) return;
    busy_ = true;
    answer_ = recorder_.started();
    reader_.reset();
    // A request is far smaller than an empty socket's buffer.
    ssize_t sent = send(descriptor_, request_.data(), request_.size(), MSG_NOSIGNAL);
    if (sent != ssize_t(request_.size())) finish("request not sent");
  }

  /// Bytes wait to be read. False when the connection is over.
  bool receive(std::vector<char>& buffer) {
    ssize_t count = recv(descriptor_, buffer.data(), buffer.size(), 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (count <= 0) {
      if (busy_) finish("connection closed by the server");
      return false;
    }
    uint64_t now = nanosecondsNow();
    std::string_view bytes(buffer.data(), size_t(count));
    while (busy_ && !bytes.empty()) {
      auto outcome = reader_.read(bytes, [&](std::string_view piece) { answer_.scan(piece, now, recorder_); });
      if (outcome == HTTPResponseReader::Outcome::incomplete) return true;
      bool complete = outcome == HTTPResponseReader::Outcome::complete;
      finish(complete ? fault() : "answer is not HTTP");
      if (!complete) return false;
      start();
    }
    return true;
  }

 private:
  std::string fault() const {
    if (reader_.status() != 200) return "HTTP status " + std::to_string(reader_.status());
    return answer_.fault(options_.tokens);
  }

  void finish(const std::string& fault) {
    busy_ = false;
    recorder_.finished(answer_, fault);
  }

  const Options& options_;
  Recorder& recorder_;
  const std::string& request_;
  const int descriptor_;
  bool busy_ = false;
  Answer answer_;
  HTTPResponseReader reader_;
};

}  // namespace

void runHTTPLoad(const Options& options, Recorder& recorder) {
  const std::string request = requestBytes(options);
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  std::vector<std::unique_ptr<HTTPClient>> clients;
  for (uint32_t index = 0; index < options.concurrency; index++) {
    clients.push_back(std::make_unique<HTTPClient>(options, recorder, request));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = clients.back().get();
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, clients.back()->descriptor(), &event) != 0) {
      throw std::system_error(errno, std::generic_category(), "epoll_ctl");
    }
  }

  std::vector<char> buffer(256 << 10);
  std::array<epoll_event, 512> events;
  recorder.begin();
  uint32_t begun = 0;
  while ((begun < options.concurrency || recorder.inFlight() > 0) && !recorder.gaveUp()) {
    while (begun < recorder.rampedUp()) clients[begun++]->start();
    int count = epoll_wait(epoll, events.data(), int(events.size()), begun < options.concurrency ? 1 : 1000);
    for (int index = 0; index < count; index++) {
      auto* client = static_cast<HTTPClient*>(events[size_t(index)].data.ptr);
      if (!client->receive(buffer)) epoll_ctl(epoll, EPOLL_CTL_DEL, client->descriptor(), nullptr);
    }
  }
  close(epoll);
}

}  // namespace bench
