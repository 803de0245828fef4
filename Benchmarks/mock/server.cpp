#include "mock/server.h"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>

#include "common/clock.h"
#include "common/loopback.h"

namespace bench {
namespace {

void watch(int epoll, int operation, int descriptor, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = descriptor;
  if (epoll_ctl(epoll, operation, descriptor, &event) != 0) {
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  }
}

int endSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

}  // namespace

Server::Server(int listener)
    : listener_(listener), epoll_(epoll_create1(EPOLL_CLOEXEC)), signals_(endSignals()), buffer_(256 << 10) {
  if (epoll_ < 0 || signals_ < 0) throw std::system_error(errno, std::generic_category(), "epoll or signalfd");
  watch(epoll_, EPOLL_CTL_ADD, listener_, EPOLLIN);
  watch(epoll_, EPOLL_CTL_ADD, signals_, EPOLLIN);
}

Server::~Server() {
  connections_.clear();
  close(signals_);
  close(epoll_);
  close(listener_);
}

void Server::run() {
  while (!stopped_) {
    wait();
    fireTimers();
    takeTurns();
  }
}

void Server::wait() {
  timespec timeout{}, *limit = nullptr;
  if (!turns_.empty()) {
    limit = &timeout;
  } else if (!timers_.empty()) {
    uint64_t now = nanosecondsNow(), due = timers_.top().due, left = due > now ? due - now : 0;
    timeout = {time_t(left / nanosecondsPerSecond), long(left % nanosecondsPerSecond)};
    limit = &timeout;
  }
  std::array<epoll_event, 512> events;
  int count = epoll_pwait2(epoll_, events.data(), int(events.size()), limit, nullptr);
  for (int index = 0; index < count; index++) {
    int descriptor = events[size_t(index)].data.fd;
    if (descriptor == listener_) {
      accept();
    } else if (descriptor == signals_) {
      stopped_ = true;
    } else if (auto found = connections_.find(descriptor); found != connections_.end()) {
      if (events[size_t(index)].events & ~uint32_t(EPOLLOUT)) read(*found->second);
      else settle(*found->second);
    }
  }
}

void Server::accept() {
  for (;;) {
    int descriptor = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) return;
    disableNagle(descriptor);
    watch(epoll_, EPOLL_CTL_ADD, descriptor, EPOLLIN);
    connections_[descriptor] = std::make_unique<Connection>(descriptor, ++lastSerial_, counters_);
  }
}

void Server::read(Connection& connection) {
  ssize_t count = recv(connection.descriptor(), buffer_.data(), buffer_.size(), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) return drop(connection);
  connection.receive(buffer_.data(), size_t(count));
  settle(connection);
}

void Server::settle(Connection& connection) {
  bool waited = connection.waitsForRoom;
  if (!connection.flush()) return drop(connection);
  connection.waitsForRoom = connection.pendingBytes() != 0;
  if (connection.state() == Connection::State::closing && !connection.waitsForRoom) return drop(connection);
  if (connection.waitsForRoom != waited) {
    watch(epoll_, EPOLL_CTL_MOD, connection.descriptor(), EPOLLIN | (connection.waitsForRoom ? EPOLLOUT : 0u));
  }
  if (connection.isArranged) return;
  Timer next{connection.dueNanoseconds(), connection.descriptor(), connection.serial()};
  if (connection.state() == Connection::State::writing && !connection.waitsForRoom) turns_.push_back(next);
  else if (connection.state() == Connection::State::paced) timers_.push(next);
  else return;
  connection.isArranged = true;
}

void Server::fireTimers() {
  uint64_t now = timers_.empty() ? 0 : nanosecondsNow();
  while (!timers_.empty() && timers_.top().due <= now) {
    Timer timer = timers_.top();
    timers_.pop();
    Connection* connection = find(timer.descriptor, timer.serial);
    if (connection == nullptr) continue;
    connection->isArranged = false;
    connection->advance();
    settle(*connection);
  }
}

void Server::takeTurns() {
  std::vector<Timer> turns;
  turns.swap(turns_);
  for (const Timer& turn : turns) {
    Connection* connection = find(turn.descriptor, turn.serial);
    if (connection == nullptr) continue;
    connection->isArranged = false;
    connection->advance();
    settle(*connection);
  }
}

Connection* Server::find(int descriptor, uint64_t serial) {
  auto found = connections_.find(descriptor);
  return found != connections_.end() && found->second->serial() == serial ? found->second.get() : nullptr;
}

void Server::drop(Connection& connection) {
  connections_.erase(connection.descriptor());  // The descriptor is closed, which takes it out of epoll.
}

}  // namespace bench
