#include "Listener.hpp"

#include "CGRPC.h"
#include "Queue.hpp"

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace cgrpc {

namespace {

constexpr int kBacklog = 4096;
/// How long accepting pauses when the kernel has nothing left to give.
constexpr int kPauseMs = 50;

std::string reason(int error) { return std::strerror(error); }

int open_spare() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

int32_t port_of(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr *>(&storage), &length) != 0) return -1;
  if (storage.ss_family == AF_INET6) return ntohs(reinterpret_cast<sockaddr_in6 &>(storage).sin6_port);
  return ntohs(reinterpret_cast<sockaddr_in &>(storage).sin_port);
}

/// Whether a server answers on the UNIX socket.
bool is_alive(const sockaddr_un &name, socklen_t length) {
  int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return true;
  bool refused = ::connect(fd, reinterpret_cast<const sockaddr *>(&name), length) != 0 && errno == ECONNREFUSED;
  ::close(fd);
  return !refused;
}

/// The inode of an open socket, 0 if the descriptor is closed or something else by now.
ino_t socket_inode(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode) ? status.st_ino : 0;
}

/// What is left for connections when the process keeps some descriptors for everything else.
int64_t connections_that_fit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  auto all = static_cast<int64_t>(limit.rlim_cur);
  return all - std::min<int64_t>(all / 4, 1024);
}

}  // namespace

std::string Listener::Address::description() const {
  if (is_path()) return "unix:" + host_or_path;
  bool is_ipv6 = host_or_path.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + host_or_path + "]" : host_or_path) + ":" + std::to_string(port);
}

Listener::Listener() : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), spare_(open_spare()) {}

Listener::~Listener() {
  close();
  if (wake_ >= 0) ::close(wake_);
  if (spare_ >= 0) ::close(spare_);
}

std::optional<std::string> Listener::open() {
  for (auto &address : addresses_) {
    auto problem = address.is_path() ? open_path(address) : open_tcp(address);
    if (problem) {
      close();
      return "Cannot listen on " + address.description() + ": " + *problem;
    }
  }
  if (addresses_.empty()) return std::string("There is no address to listen on.");
  return std::nullopt;
}

std::optional<std::string> Listener::open_tcp(Address &address) {
  addrinfo hints{}, *results = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  int failure =
      ::getaddrinfo(address.host_or_path.c_str(), std::to_string(address.port).c_str(), &hints, &results);
  if (failure != 0) return std::string(::gai_strerror(failure));
  std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(results, &::freeaddrinfo);
  int last_error = 0;
  for (addrinfo *result = results; result; result = result->ai_next) {
    int fd = ::socket(result->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
      last_error = errno;
      continue;
    }
    int on = 1, off = 0;
    // REUSEADDR lets a restarted server take its port back at once; without REUSEPORT a second live one cannot.
    (void)::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (result->ai_family == AF_INET6) (void)::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    // The second address of a name ("localhost" has two) gets the port that the first was given.
    if (address.port > 0) {
      auto port = htons(static_cast<uint16_t>(address.port));
      if (result->ai_family == AF_INET6) reinterpret_cast<sockaddr_in6 *>(result->ai_addr)->sin6_port = port;
      else reinterpret_cast<sockaddr_in *>(result->ai_addr)->sin_port = port;
    }
    if (::bind(fd, result->ai_addr, result->ai_addrlen) != 0 || ::listen(fd, kBacklog) != 0) {
      last_error = errno;
      ::close(fd);
      if (last_error == EADDRINUSE) return std::string("the port is in use by another server.");
      continue;
    }
    address.sockets.push_back(fd);
    if (address.port == 0) address.port = port_of(fd);
  }
  if (address.sockets.empty()) return reason(last_error) + ".";
  return std::nullopt;
}

std::optional<std::string> Listener::open_path(Address &address) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  const std::string &path = address.host_or_path;
  if (path.empty() || path.size() >= sizeof name.sun_path) {
    return "the path must have 1 to " + std::to_string(sizeof name.sun_path - 1) + " bytes, and has " +
           std::to_string(path.size()) + ".";
  }
  std::memcpy(name.sun_path, path.c_str(), path.size() + 1);
  auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode)) return std::string("a file of that name exists and is no socket.");
    if (is_alive(name, length)) return std::string("the socket is in use by another server.");
    // Left behind by a server that was killed.
    ::unlink(path.c_str());
  }
  int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return reason(errno) + ".";
  if (::bind(fd, reinterpret_cast<sockaddr *>(&name), length) != 0 || ::listen(fd, kBacklog) != 0) {
    std::string problem = reason(errno) + ".";
    ::close(fd);
    return problem;
  }
  if (::lstat(path.c_str(), &status) == 0) {
    address.device = status.st_dev;
    address.inode = status.st_ino;
  }
  address.sockets.push_back(fd);
  return std::nullopt;
}

void Listener::start(ListenerEvents events, int64_t max_connections, int64_t watch_ms) {
  int64_t fit = connections_that_fit();
  max_connections_ = max_connections > 0 ? std::min(max_connections, fit) : fit;
  auto shared = std::make_shared<ListenerEvents>(std::move(events));
  // Detached: `ended` tells when it is over, and the owner outlives that.
  std::thread([this, shared, watch_ms] {
    run(shared, watch_ms);
    auto ended = std::move(shared->ended);
    if (ended) ended();
  }).detach();
}

void Listener::run(std::shared_ptr<ListenerEvents> events, int64_t watch_ms) noexcept {
  ::pthread_setname_np(::pthread_self(), "grpc-listener");
  std::vector<pollfd> polled;
  for (;;) {
    polled.clear();
    polled.push_back({wake_, POLLIN, 0});
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (finished_) return;
      if (!closed_) {
        for (auto &address : addresses_) {
          for (int fd : address.sockets) polled.push_back({fd, POLLIN, 0});
        }
      }
    }
    int ready = ::poll(polled.data(), polled.size(), watch_ms > 0 ? static_cast<int>(watch_ms) : -1);
    if (watch_ms > 0 && events->watch) events->watch();
    if (ready <= 0) continue;
    uint64_t count;
    if (polled[0].revents) (void)!::read(wake_, &count, sizeof count);
    for (size_t i = 1; i < polled.size(); i++) {
      if (polled[i].revents) accept_all(polled[i].fd, *events);
    }
  }
}

void Listener::accept_all(int listening, ListenerEvents &events) {
  for (int round = 0; round < 64; round++) {
    int64_t refused_at = -1;
    int failure = 0;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (closed_) return;
      int fd = ::accept4(listening, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) {
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) return;
        failure = errno;
        shed(listening);
        refused_++;
      } else {
        accepted_++;
        bool full = static_cast<int64_t>(connections_.size()) >= max_connections_ &&
                    count_open_locked() >= max_connections_;
        if (full) {
          ::close(fd);
          refused_++;
          refused_at = static_cast<int64_t>(connections_.size());
        } else {
          connections_[fd] = socket_inode(fd);
          int on = 1;
          (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
          events.accepted(listening, fd);
        }
      }
    }
    if (refused_at >= 0) events.refused(refused_at);
    if (failure != 0) {
      events.accept_failed(failure);
      pollfd wait{wake_, POLLIN, 0};
      (void)::poll(&wait, 1, kPauseMs);
      return;
    }
  }
}

void Listener::shed(int listening) noexcept {
  if (spare_ >= 0) {
    ::close(spare_);
    int fd = ::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) ::close(fd);
  }
  spare_ = open_spare();
}

int64_t Listener::count_open_locked() noexcept {
  for (auto it = connections_.begin(); it != connections_.end();) {
    it = socket_inode(it->first) == it->second ? std::next(it) : connections_.erase(it);
  }
  return static_cast<int64_t>(connections_.size());
}

void Listener::close() noexcept {
  std::lock_guard<std::mutex> lock(mutex_);
  if (closed_) return;
  closed_ = true;
  for (auto &address : addresses_) {
    if (address.is_path() && address.inode != 0) {
      struct stat status {};
      // Only our own: a newer server may have put its socket there.
      if (::lstat(address.host_or_path.c_str(), &status) == 0 && status.st_dev == address.device &&
          status.st_ino == address.inode) {
        ::unlink(address.host_or_path.c_str());
      }
    }
    for (int fd : address.sockets) ::close(fd);
    address.sockets.clear();
  }
  uint64_t one = 1;
  if (wake_ >= 0) (void)!::write(wake_, &one, sizeof one);
}

void Listener::finish() noexcept {
  close();
  std::lock_guard<std::mutex> lock(mutex_);
  finished_ = true;
  uint64_t one = 1;
  if (wake_ >= 0) (void)!::write(wake_, &one, sizeof one);
}

int64_t Listener::connections_open() noexcept {
  std::lock_guard<std::mutex> lock(mutex_);
  return count_open_locked();
}

int64_t Listener::connections_accepted() noexcept {
  std::lock_guard<std::mutex> lock(mutex_);
  return accepted_;
}

int64_t Listener::connections_refused() noexcept {
  std::lock_guard<std::mutex> lock(mutex_);
  return refused_;
}

}  // namespace cgrpc

extern "C" int64_t cgrpc_raise_file_limit(void) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return -1;
  if (limit.rlim_cur < limit.rlim_max) {
    rlimit raised = limit;
    raised.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  return static_cast<int64_t>(limit.rlim_cur);
}
