#include "Server.hpp"

#include "Mutexes.hpp"
#include "ServerCall.hpp"

#include <grpc/grpc.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace cgrpc {

namespace {

/// Calls that each queue awaits at a time. The core keeps what comes beyond until the next is awaited.
constexpr int kAwaitedCalls = 16;
/// How long connections without a call may take to say goodbye.
constexpr int64_t kIdleGoodbyeMs = 200;

/// As HTTP/2 counts header lists (RFC 9113 section 6.5.2).
int64_t metadata_size(const grpc::ServerContext &context) {
  size_t size = 0;
  for (const auto &entry : context.client_metadata()) size += entry.first.size() + entry.second.size() + 32;
  return static_cast<int64_t>(size);
}

/// An owned message if the body returns a problem or throws.
char *problem_of(const std::function<std::optional<std::string>()> &body) {
  std::optional<std::string> problem;
  try {
    problem = body();
  } catch (const std::exception &error) {
    problem = std::string("The server could not start: ") + error.what();
  }
  return problem ? ::strdup(problem->c_str()) : nullptr;
}

}  // namespace

Server::Server(const cgrpc_server_options &options) : options_(options), listener_(std::make_unique<Listener>()) {
  if (options.tls) tls_.emplace(*options.tls);
  if (options.fault_method) fault_method_ = options.fault_method;
  options_.tls = nullptr;
  options_.fault_method = nullptr;
  options_.queues = std::max(1, options.queues);
  for (int32_t i = 0; i < options_.queues; i++) queues_.push_back(std::make_shared<Queue>());
}

void Server::add_address(const char *host_or_path, int32_t port) { listener_->add(host_or_path, port); }

int32_t Server::add_method(const char *path, bool single_request, bool single_response) {
  auto index = static_cast<int32_t>(methods_.size());
  return methods_.try_emplace(path, MethodEntry{index, single_request, single_response}).first->second.index;
}

const MethodEntry *Server::find_method(const std::string &path, int32_t &index) const {
  auto found = methods_.find(path);
  if (found == methods_.end()) return nullptr;
  index = found->second.index;
  return &found->second;
}

std::optional<std::string> Server::bind() {
  if (tls_) {
    if (auto problem = problem_with(*tls_)) return problem;
  }
  return listener_->open();
}

std::optional<std::string> Server::start(const cgrpc_server_callbacks &callbacks) {
  callbacks_ = callbacks;
  grpc::ServerBuilder builder;
  builder.RegisterAsyncGenericService(&service_);
  auto set = [&builder](const std::string &key, int value) { builder.AddChannelArgument(key, value); };
  apply(options_.keepalive, set);
  if (options_.max_receive_message_bytes) builder.SetMaxReceiveMessageSize(options_.max_receive_message_bytes);
  if (options_.max_send_message_bytes) builder.SetMaxSendMessageSize(options_.max_send_message_bytes);
  // gRPC 1.51 closes the whole connection when its own limit is passed, so that one lies well above ours.
  if (options_.max_metadata_bytes) set(GRPC_ARG_MAX_METADATA_SIZE, std::min(options_.max_metadata_bytes, 1 << 28) * 4);
  if (options_.max_concurrent_streams) set(GRPC_ARG_MAX_CONCURRENT_STREAMS, options_.max_concurrent_streams);
  if (options_.memory_quota_bytes) {
    builder.SetResourceQuota(grpc::ResourceQuota("server").Resize(options_.memory_quota_bytes));
  }
  auto acceptor = std::shared_ptr<grpc::experimental::ExternalConnectionAcceptor>(
      builder.experimental().AddExternalConnectionAcceptor(
          grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, server_credentials(tls_)));
  std::vector<std::unique_ptr<grpc::CompletionQueue>> cqs;
  for (size_t i = 0; i < queues_.size(); i++) cqs.push_back(builder.AddCompletionQueue());
  server_ = builder.BuildAndStart();
  if (!server_) {
    listener_->close();
    for (auto &cq : cqs) {
      cq->Shutdown();
      void *tag;
      bool ok;
      while (cq->Next(&tag, &ok)) {
      }
    }
    return std::string("gRPC could not start the server; its reason is in its log on standard error.");
  }
  auto self = shared_from_this();
  queues_running_ = options_.queues + 1;
  // A quarter of the timeout: a stalled call is cancelled at most that much late.
  int64_t tick = options_.slow_consumer_timeout_ms > 0 ? std::max(10, options_.slow_consumer_timeout_ms / 4) : 0;
  for (int32_t i = 0; i < options_.queues; i++) {
    queues_[static_cast<size_t>(i)]->start(
        std::move(cqs[static_cast<size_t>(i)]), [self] { self->queue_ended(); }, tick,
        [this, i] { check_stalled_calls(i); });
    for (int slot = 0; slot < kAwaitedCalls; slot++) ServerCall::await(self, i);
  }
  ListenerEvents events;
  events.accepted = [acceptor](int listening, int fd) {
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters parameters;
    parameters.listener_fd = listening;
    parameters.fd = fd;
    acceptor->HandleNewConnection(&parameters);
  };
  events.accept_failed = [this](int error) {
    callbacks_.on_event(callbacks_.context, CGRPC_EVENT_ACCEPT_FAILED, 0, error);
  };
  events.refused = [this](int64_t open) {
    callbacks_.on_event(callbacks_.context, CGRPC_EVENT_CONNECTION_REFUSED, 0, open);
  };
  events.watch = [this] { check_stuck_queues(); };
  events.ended = [self] { self->queue_ended(); };
  listener_->start(std::move(events), options_.max_connections,
                   options_.stuck_threshold_ms > 0 ? std::max(10, options_.stuck_threshold_ms / 2) : 0);
  return std::nullopt;
}

void Server::call_opened() noexcept {
  calls_open_.fetch_add(1, std::memory_order_relaxed);
  calls_started_.fetch_add(1, std::memory_order_relaxed);
}

void Server::call_closed(bool was_running) noexcept {
  calls_open_.fetch_sub(1);
  if (!was_running) return;
  int64_t left = calls_running_.fetch_sub(1) - 1;
  if (left == 0 && draining_.load()) {
    std::lock_guard<std::mutex> lock(mutex_);
    changed_.notify_all();
  }
}

bool Server::refuses(const grpc::ServerContext &context, Refusal &refusal) {
  int64_t metadata = options_.max_metadata_bytes > 0 ? metadata_size(context) : 0;
  if (draining_.load(std::memory_order_acquire)) {
    std::lock_guard<std::mutex> lock(mutex_);
    refusal = refusal_;
  } else if (options_.max_concurrent_calls > 0 && calls_open_.load() > options_.max_concurrent_calls) {
    refusal.code = GRPC_STATUS_RESOURCE_EXHAUSTED;
    refusal.message = "The server already runs " + std::to_string(options_.max_concurrent_calls) +
                      " calls, as many as it may.";
    refusal.pushback_ms = 1000;
  } else if (metadata > options_.max_metadata_bytes) {
    refusal.code = GRPC_STATUS_RESOURCE_EXHAUSTED;
    refusal.message = "The metadata has " + std::to_string(metadata) + " bytes and may have at most " +
                      std::to_string(options_.max_metadata_bytes) + ".";
  } else {
    calls_running_.fetch_add(1);
    return false;
  }
  calls_refused_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

void Server::check_stalled_calls(int32_t queue_index) {
  int64_t now = now_ms();
  queues_[static_cast<size_t>(queue_index)]->for_each_call([&](Call &call) {
    int64_t stalled = call.write_stalled_ms(now);
    if (stalled < options_.slow_consumer_timeout_ms) return;
    slow_consumers_.fetch_add(1, std::memory_order_relaxed);
    std::string text = "SLOW_CONSUMER: the client has taken nothing for " + std::to_string(stalled) + " ms.";
    call.cancel(GRPC_STATUS_RESOURCE_EXHAUSTED, text.c_str());
    callbacks_.on_event(callbacks_.context, CGRPC_EVENT_SLOW_CONSUMER, queue_index, stalled);
  });
}

void Server::check_stuck_queues() noexcept {
  for (size_t i = 0; i < queues_.size(); i++) {
    int64_t busy = queues_[i]->busy_for_ms();
    if (busy < options_.stuck_threshold_ms || !queues_[i]->take_stuck_report()) continue;
    stuck_queues_.fetch_add(1, std::memory_order_relaxed);
    callbacks_.on_event(callbacks_.context, CGRPC_EVENT_STUCK_QUEUE, static_cast<int32_t>(i), busy);
  }
}

void Server::shutdown(int64_t grace_ms, int64_t goaway_ms, Refusal refusal) {
  std::unique_lock<std::mutex> lock(mutex_);
  int64_t now = now_ms();
  // Bounded, so that the sum cannot overflow: a year is as good as for ever.
  int64_t cancel_at = now + std::clamp<int64_t>(grace_ms, 0, 31'536'000'000);
  int64_t goaway_at = now + std::clamp<int64_t>(goaway_ms, 0, 31'536'000'000);
  if (shutting_down_) {
    cancel_at_ms_ = std::min(cancel_at_ms_, cancel_at);
    goaway_at_ms_ = std::min(goaway_at_ms_, goaway_at);
    changed_.notify_all();
    return;
  }
  shutting_down_ = true;
  cancel_at_ms_ = cancel_at;
  goaway_at_ms_ = goaway_at;
  refusal_ = std::move(refusal);
  draining_.store(true, std::memory_order_release);
  lock.unlock();
  listener_->close();
  std::thread([self = shared_from_this()] { self->run_shutdown(); }).detach();
}

void Server::run_shutdown() noexcept {
  using std::chrono::milliseconds;
  std::unique_lock<std::mutex> lock(mutex_);
  // The deadlines may move while we wait for them.
  for (;;) {
    int64_t left = std::min(goaway_at_ms_, cancel_at_ms_) - now_ms();
    if (calls_running_.load() == 0 || left <= 0) break;
    changed_.wait_for(lock, milliseconds(left));
  }
  if (calls_running_.load() == 0) {
    // Hangs up on everybody. From the moment of `Shutdown` gRPC 1.51 cancels calls that are just coming in, which their
    // clients must take for a failure; of a connection that was closed they know that they may try elsewhere.
    lock.unlock();
    grpc_server_cancel_all_calls(server_->c_server());
    lock.lock();
  }
  bool done = false;
  std::thread goodbye([this, &done] {
    server_->Shutdown();
    std::lock_guard<std::mutex> done_lock(mutex_);
    done = true;
    changed_.notify_all();
  });
  int64_t empty_since = 0;
  while (!done) {
    int64_t now = now_ms();
    empty_since = calls_running_.load() > 0 ? 0 : empty_since == 0 ? now : empty_since;
    bool cancel = now >= cancel_at_ms_ || (empty_since != 0 && now - empty_since >= kIdleGoodbyeMs);
    if (cancel) {
      lock.unlock();
      grpc_server_cancel_all_calls(server_->c_server());
      lock.lock();
    }
    if (done) break;
    int64_t left = empty_since != 0 ? kIdleGoodbyeMs : cancel_at_ms_ - now;
    changed_.wait_for(lock, milliseconds(std::clamp<int64_t>(left, 20, cancel ? 50 : 1000)));
  }
  lock.unlock();
  goodbye.join();
  callbacks_.on_stopped(callbacks_.context);
}

void Server::end_queues() noexcept {
  for (auto &queue : queues_) queue->stop();
  listener_->finish();
}

void Server::queue_ended() noexcept {
  if (queues_running_.fetch_sub(1) != 1) return;
  callbacks_.on_terminated(callbacks_.context);
}

int32_t Server::port(int32_t index) const noexcept { return listener_->port(static_cast<size_t>(index)); }

cgrpc_server_counters Server::counters() noexcept {
  cgrpc_server_counters result{};
  result.connections_open = listener_->connections_open();
  result.connections_accepted = listener_->connections_accepted();
  result.connections_refused = listener_->connections_refused();
  result.calls_open = calls_open_.load();
  result.calls_started = calls_started_.load();
  result.calls_refused = calls_refused_.load();
  result.slow_consumers = slow_consumers_.load();
  result.stuck_queues = stuck_queues_.load();
  return result;
}

}  // namespace cgrpc

extern "C" {

cgrpc_server *cgrpc_server_create(const cgrpc_server_options *options) {
  try {
    cgrpc::search_no_lock_cycles();
    return new cgrpc_server{std::make_shared<cgrpc::Server>(*options)};
  } catch (const std::exception &) {
    return nullptr;
  }
}

void cgrpc_server_add_address(cgrpc_server *server, const char *host_or_path, int32_t port) {
  server->server->add_address(host_or_path, port);
}

int32_t cgrpc_server_add_method(cgrpc_server *server, const char *path, bool single_request, bool single_response) {
  return server->server->add_method(path, single_request, single_response);
}

cgrpc_queue *cgrpc_server_queue(cgrpc_server *server, int32_t index) {
  return new cgrpc_queue{server->server->queue(index)};
}

char *cgrpc_server_bind(cgrpc_server *server) {
  return cgrpc::problem_of([&] { return server->server->bind(); });
}

char *cgrpc_server_start(cgrpc_server *server, const cgrpc_server_callbacks *callbacks) {
  return cgrpc::problem_of([&] { return server->server->start(*callbacks); });
}

int32_t cgrpc_server_port(const cgrpc_server *server, int32_t index) { return server->server->port(index); }

void cgrpc_server_shutdown(cgrpc_server *server, int64_t grace_ms, int64_t goaway_ms, int64_t pushback_ms,
                           cgrpc_view details) {
  cgrpc::Refusal refusal;
  refusal.code = GRPC_STATUS_UNAVAILABLE;
  refusal.message = "The server is shutting down.";
  refusal.pushback_ms = pushback_ms;
  refusal.details = cgrpc::string(details);
  server->server->shutdown(grace_ms, goaway_ms, std::move(refusal));
}

void cgrpc_server_end_queues(cgrpc_server *server) { server->server->end_queues(); }

cgrpc_server_counters cgrpc_server_read_counters(cgrpc_server *server) { return server->server->counters(); }

void cgrpc_server_release(cgrpc_server *server) { delete server; }

void cgrpc_string_free(char *string) { ::free(string); }

const char *cgrpc_version(void) {
  static const std::string version = grpc::Version();
  return version.c_str();
}

}  // extern "C"
