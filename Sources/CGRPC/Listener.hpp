// The listening sockets, which we hold ourselves: gRPC 1.51 stops accepting for good after one EMFILE, lets a second
// server share the port, and does not say why a bind failed. Accepted sockets are handed to gRPC.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <sys/types.h>
#include <thread>
#include <unordered_map>
#include <vector>

namespace cgrpc {

struct ListenerEvents {
  /// Takes over the file descriptor of a new connection.
  std::function<void(int listening, int fd)> accepted;
  std::function<void(int error)> accept_failed;
  std::function<void(int64_t open)> refused;
  /// Called about every `watch_ms`, if that is not 0.
  std::function<void()> watch;
  /// The thread has ended.
  std::function<void()> ended;
};

class Listener final {
 public:
  Listener();
  ~Listener();

  void add(std::string host_or_path, int32_t port) { addresses_.push_back({std::move(host_or_path), port, {}}); }
  /// Binds and listens, without accepting yet. Says what is wrong, naming the address.
  std::optional<std::string> open();
  /// Starts the accepting thread, which ends after `finish`. `max_connections` 0 leaves the limit to the descriptors.
  void start(ListenerEvents events, int64_t max_connections, int64_t watch_ms);
  /// Closes the sockets: no `accepted` after this has returned.
  void close() noexcept;
  /// Ends the thread.
  void finish() noexcept;

  int32_t port(size_t index) const noexcept { return index < addresses_.size() ? addresses_[index].port : -1; }

  int64_t connections_open() noexcept;
  int64_t connections_accepted() noexcept;
  int64_t connections_refused() noexcept;

 private:
  struct Address {
    std::string host_or_path;
    int32_t port;
    std::vector<int> sockets;
    dev_t device = 0;
    ino_t inode = 0;

    bool is_path() const { return port < 0; }
    std::string description() const;
  };

  std::optional<std::string> open_tcp(Address &address);
  std::optional<std::string> open_path(Address &address);
  void run(std::shared_ptr<ListenerEvents> events, int64_t watch_ms) noexcept;
  void accept_all(int listening, ListenerEvents &events);
  void shed(int listening) noexcept;
  /// Forgets connections that gRPC has closed; the caller holds the lock.
  int64_t count_open_locked() noexcept;

  std::vector<Address> addresses_;
  int wake_ = -1;
  /// Given up for a moment when descriptors run out, so that a waiting client can be turned away, not left to hang.
  int spare_ = -1;

  std::mutex mutex_;
  // Guarded by mutex_:
  bool closed_ = false;
  bool finished_ = false;
  int64_t max_connections_ = 0;
  int64_t accepted_ = 0;
  int64_t refused_ = 0;
  /// Descriptor to socket inode: gRPC does not tell when it closes one, but the inode behind the number then changes.
  std::unordered_map<int, ino_t> connections_;
};

}  // namespace cgrpc
