#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "mock/behaviour.h"
#include "mock/completion_format.h"
#include "mock/http_request.h"

namespace bench {

/// What the mock has done since it started.
struct Counters {
  uint64_t connections = 0, requests = 0, completed = 0, abandoned = 0, tokens = 0;
};

/// One client's connection: requests in, answers out, one at a time. The server decides when it may go on; the
/// connection decides what to write.
class Connection {
 public:
  /// What the connection waits for.
  enum class State {
    /// The next request.
    reading,
    /// Its turn to write the next tokens at once.
    writing,
    /// `dueNanoseconds()`.
    paced,
    /// Nothing: to be closed once `pendingBytes()` is 0.
    closing,
  };

  Connection(int descriptor, uint64_t serial, Counters& counters);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int descriptor() const { return descriptor_; }
  /// Tells this connection from an earlier one with the same descriptor.
  uint64_t serial() const { return serial_; }
  State state() const { return state_; }
  uint64_t dueNanoseconds() const { return due_; }
  size_t pendingBytes() const { return out_.size(); }

  /// Bytes from the client: starts the next answer when the last one is done.
  void receive(const char* bytes, size_t count);

  /// Writes the next tokens (state `writing`, or `paced` and due). Holds back while the client does not read.
  void advance();

  /// Sends what waits. False when the client is gone.
  bool flush();

  /// The server's own notes: epoll reports room in the socket; a turn or a timer is arranged.
  bool waitsForRoom = false, isArranged = false;

 private:
  void serveNext();
  void serve(const HTTPRequest& request);
  void startChat(const std::string& body);
  void answerWhole();
  void finishAnswer();
  std::string statistics() const;

  int descriptor_;
  uint64_t serial_;
  Counters& counters_;
  HTTPRequestReader reader_;
  std::string out_;
  State state_ = State::reading;
  bool closesAfterAnswer_ = false;

  // The answer under way.
  ChatRequest request_;
  Behaviour behaviour_;
  std::optional<StreamFormat> format_;
  uint32_t written_ = 0;
  uint64_t due_ = 0;
};

}  // namespace bench
