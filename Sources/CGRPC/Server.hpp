// The server: its queues, its gRPC server, its counters, and the order in which all that ends.
#pragma once

#include "CGRPC.h"
#include "Call.hpp"
#include "Listener.hpp"
#include "Queue.hpp"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace cgrpc {

struct MethodEntry {
  int32_t index;
  bool single_request;
  bool single_response;
};

/// Why and how a call is turned away.
struct Refusal {
  int32_t code = 0;
  std::string message;
  int64_t pushback_ms = -1;
  /// A serialised google.rpc.Status, or nothing.
  std::string details;
};

struct TLSOptions {
  std::string certificate_chain_path;
  std::string private_key_path;
  std::string trust_roots_path;
  uint32_t reload_seconds;
  bool require_client_certificate;

  explicit TLSOptions(const cgrpc_tls_options &options);
};

/// Whether the PEM files can be read and look like what they are said to be; else why not.
std::optional<std::string> problem_with(const TLSOptions &options);
std::shared_ptr<grpc::ServerCredentials> server_credentials(const std::optional<TLSOptions> &tls);
/// Keepalive, connection age and message limits as channel arguments.
void apply(const cgrpc_keepalive_options &keepalive, const std::function<void(const std::string &, int)> &set);

class Server final : public std::enable_shared_from_this<Server> {
 public:
  explicit Server(const cgrpc_server_options &options);

  void add_address(const char *host_or_path, int32_t port);
  int32_t add_method(const char *path, bool single_request, bool single_response);
  /// Nothing if all is well, else what went wrong.
  std::optional<std::string> bind();
  std::optional<std::string> start(const cgrpc_server_callbacks &callbacks);
  void shutdown(int64_t grace_ms, int64_t goaway_ms, Refusal refusal);
  void end_queues() noexcept;
  int32_t port(int32_t index) const noexcept;
  cgrpc_server_counters counters() noexcept;

  // For calls.
  const std::shared_ptr<Queue> &queue(int32_t index) const { return queues_[static_cast<size_t>(index)]; }
  const cgrpc_server_callbacks &callbacks() const noexcept { return callbacks_; }
  const cgrpc_server_options &options() const noexcept { return options_; }
  WriteLimits write_limits() const noexcept {
    return {options_.write_high_water_bytes, options_.write_low_water_bytes};
  }
  grpc::AsyncGenericService &service() noexcept { return service_; }
  bool has_client_certificates() const noexcept { return tls_ && tls_->require_client_certificate; }
  const MethodEntry *find_method(const std::string &path, int32_t &index) const;
  bool is_fault_method(const std::string &path) const { return !fault_method_.empty() && path == fault_method_; }
  void call_opened() noexcept;
  void call_closed(bool was_running) noexcept;
  /// Whether the call must be turned away; if not, it counts as running until it is closed.
  bool refuses(const grpc::ServerContext &context, Refusal &refusal);

 private:
  void run_shutdown() noexcept;
  void check_stalled_calls(int32_t queue_index);
  void check_stuck_queues() noexcept;
  void queue_ended() noexcept;

  cgrpc_server_options options_;
  std::optional<TLSOptions> tls_;
  std::string fault_method_;
  cgrpc_server_callbacks callbacks_{};
  std::vector<std::shared_ptr<Queue>> queues_;
  std::unordered_map<std::string, MethodEntry> methods_;
  grpc::AsyncGenericService service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Listener> listener_;

  std::atomic<int64_t> calls_open_{0}, calls_running_{0}, calls_started_{0}, calls_refused_{0};
  std::atomic<int64_t> slow_consumers_{0}, stuck_queues_{0};
  std::atomic<bool> draining_{false};
  std::atomic<int32_t> queues_running_{0};

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_:
  Refusal refusal_;
  bool shutting_down_ = false;
  int64_t cancel_at_ms_ = 0;
  int64_t goaway_at_ms_ = 0;
};

}  // namespace cgrpc

/// The handle that C sees.
struct cgrpc_server {
  std::shared_ptr<cgrpc::Server> server;
};
