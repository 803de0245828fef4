#pragma once
#include <cstdint>
#include <memory>
#include <queue>
#include <unordered_map>
#include <vector>

#include "mock/connection.h"

namespace bench {

/// The mock's event loop: one thread, epoll, every live stream in turn.
class Server {
 public:
  /// Takes over a listening socket that does not block. Throws `std::system_error`.
  explicit Server(int listener);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Serves until SIGTERM or SIGINT, which must be blocked in the calling thread; then returns.
  void run();

 private:
  struct Timer {
    uint64_t due;
    int descriptor;
    uint64_t serial;
    bool operator<(const Timer& other) const { return due > other.due; }
  };

  void wait();
  void accept();
  void read(Connection& connection);
  void fireTimers();
  void takeTurns();
  /// Sends what waits and arranges the connection's next step; the connection may be gone afterwards.
  void settle(Connection& connection);
  void drop(Connection& connection);
  Connection* find(int descriptor, uint64_t serial);

  int listener_, epoll_, signals_;
  bool stopped_ = false;
  uint64_t lastSerial_ = 0;
  Counters counters_;
  std::unordered_map<int, std::unique_ptr<Connection>> connections_;
  std::priority_queue<Timer> timers_;
  /// Streams without a delay whose turn comes in the next round.
  std::vector<Timer> turns_;
  std::vector<char> buffer_;
};

}  // namespace bench
