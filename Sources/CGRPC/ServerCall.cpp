#include "ServerCall.hpp"

#include <grpc/grpc.h>
#include <grpc/support/time.h>

#include <limits>
#include <stdexcept>

namespace cgrpc {

namespace {

int64_t nanoseconds_until(gpr_timespec deadline) {
  if (gpr_time_cmp(deadline, gpr_inf_future(deadline.clock_type)) == 0) return std::numeric_limits<int64_t>::max();
  gpr_timespec left = gpr_time_sub(gpr_convert_clock_type(deadline, GPR_CLOCK_MONOTONIC), gpr_now(GPR_CLOCK_MONOTONIC));
  // Beyond three centuries an int64_t of nanoseconds overflows.
  if (left.tv_sec > 9'000'000'000) return std::numeric_limits<int64_t>::max();
  return left.tv_sec * 1'000'000'000 + left.tv_nsec;
}

std::string identity_of(const grpc::ServerContext &context) {
  auto auth = context.auth_context();
  std::string text;
  if (!auth || !auth->IsPeerAuthenticated()) return text;
  for (const auto &name : auth->GetPeerIdentity()) {
    if (!text.empty()) text += ", ";
    text.append(name.data(), name.size());
  }
  return text;
}

grpc_compression_algorithm algorithm(int32_t value) {
  return value == 2 ? GRPC_COMPRESS_GZIP : value == 1 ? GRPC_COMPRESS_DEFLATE : GRPC_COMPRESS_NONE;
}

}  // namespace

ServerCall::ServerCall(std::shared_ptr<Server> server, int32_t queue_index)
    : Call(server->queue(queue_index), server->callbacks().call_callbacks, server->write_limits()),
      server_(std::move(server)),
      queue_index_(queue_index),
      wire_(std::make_unique<Wire>(this)) {}

void ServerCall::await(const std::shared_ptr<Server> &server, int32_t queue_index) {
  auto *call = new ServerCall(server, queue_index);
  call->wire_->context.AsyncNotifyWhenDone(&call->wire_->done_tag);
  call->begin_operation();
  auto *cq = static_cast<grpc::ServerCompletionQueue *>(call->queue_->cq());
  server->service().RequestCall(&call->wire_->context, &call->wire_->stream, cq, cq, &call->wire_->request_tag);
}

void ServerCall::on_request(bool ok) {
  if (!ok) return;  // The server shuts down.
  begin_operation();  // for done_tag
  accepted_ = true;
  queue_->insert(this);
  server_->call_opened();
  try {
    await(server_, queue_index_);
  } catch (const std::bad_alloc &) {
    // One fewer is awaited from now on; fifteen others are.
  }
  Refusal refusal;
  if (server_->refuses(wire_->context, refusal)) {
    refuse(refusal);
    return;
  }
  running_ = true;
  const std::string &path = wire_->context.method();
  if (server_->is_fault_method(path)) throw std::runtime_error("fault injected by the options");
  method_ = server_->find_method(path, method_index_);
  hold_single_ = method_ && method_->single_response;
  reading_ = true;
  begin_operation();
  Wire &wire = *wire_;
  happens_before(queue_.get());
  wire.stream.Read(&wire.incoming, &wire.read_tag);
  // A unary request is announced with its message. For the rest the metadata may be all that comes for a while.
  if (!method_ || !method_->single_request) announce(nullptr, false);
}

void ServerCall::announce(cgrpc_slice *message, bool ended_requests) {
  auto &context = wire_->context;
  std::vector<cgrpc_header> headers;
  headers.reserve(context.client_metadata().size());
  for (const auto &entry : context.client_metadata()) {
    headers.push_back({{entry.first.data(), entry.first.size()}, {entry.second.data(), entry.second.size()}});
  }
  if (auto compression = server_->options().compression) context.set_compression_algorithm(algorithm(compression));
  std::string peer = context.peer();
  std::string identity = server_->has_client_certificates() ? identity_of(context) : std::string();
  cgrpc_call_info info{};
  info.method_index = method_index_;
  info.method = view(context.method());
  info.headers = {headers.data(), headers.size()};
  info.peer = view(peer);
  info.peer_identity = view(identity);
  info.nanoseconds_left = nanoseconds_until(context.raw_deadline());
  info.queue_index = queue_index_;
  info.message = message;
  info.ended_requests = ended_requests;
  retain();  // the handle
  announced_ = true;
  context_ = server_->callbacks().on_call(server_->callbacks().context, reinterpret_cast<cgrpc_call *>(
      static_cast<Call *>(this)), &info);
}

void ServerCall::on_message(bool ok) {
  bool ended;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    reading_ = false;
    ended = ended_;
  }
  if (ended) return;
  // An aborted request must not look like a complete one: `on_done` tells of it.
  if (!ok && grpc_call_failed_before_recv_message(wire_->context.c_call())) return;
  bool single = method_ && method_->single_request;
  if (!ok) {
    if (!announced_) announce(nullptr, true);
    else callbacks_.on_message(context_, CGRPC_READ_END, nullptr);
    return;
  }
  cgrpc_slice slice = take_slice(wire_->incoming);
  if (!announced_) announce(&slice, single);
  else callbacks_.on_message(context_, CGRPC_READ_MESSAGE, &slice);
}

void ServerCall::read() noexcept {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (ended_ || reading_) return;
    reading_ = true;
    begin_operation();
  }
  Wire &wire = *wire_;
  happens_before(queue_.get());
  wire.stream.Read(&wire.incoming, &wire.read_tag);
}

void ServerCall::start_send(Send send) {
  grpc::WriteOptions options;
  if (send.hint) options.set_buffer_hint();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    headers_sent_ = true;
  }
  Wire &wire = *wire_;
  happens_before(queue_.get());
  if (send.kind == Send::end) {
    wire.stream.Finish(status_, &wire.write_tag);
    return;
  }
  grpc::ByteBuffer buffer(&send.slice, 1);
  if (send.kind == Send::message) wire.stream.Write(buffer, options, &wire.write_tag);
  else wire.stream.WriteAndFinish(buffer, options, status_, &wire.write_tag);
}

void ServerCall::on_done(bool) {
  cgrpc_end end{};
  std::string message;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ended_ = true;
    close_sending_locked();
    bool late = gpr_time_cmp(gpr_now(GPR_CLOCK_REALTIME),
                             gpr_convert_clock_type(wire_->context.raw_deadline(), GPR_CLOCK_REALTIME)) >= 0;
    if (cancel_code_ != 0) {
      end.code = cancel_code_;
      message = cancel_message_;
    } else if (wire_->context.IsCancelled()) {
      end.code = late ? GRPC_STATUS_DEADLINE_EXCEEDED : GRPC_STATUS_CANCELLED;
      message = late ? "The call's deadline has passed." : "The client has cancelled the call or is gone.";
    }
  }
  end.message = view(message);
  if (context_) callbacks_.on_end(context_, end);
  context_ = nullptr;
}

void ServerCall::wire_done() noexcept {
  wire_.reset();
  if (!accepted_) return;
  queue_->remove(this);
  server_->call_closed(running_);
  server_.reset();
}

void ServerCall::failed(const char *what) noexcept {
  std::string text = std::string("The gRPC bridge caught an exception: ") + what;
  cancel(GRPC_STATUS_INTERNAL, text.c_str());
}

void ServerCall::cancel(int32_t code, const char *message) noexcept {
  std::lock_guard<std::mutex> lock(mutex_);
  if (ended_ || !wire_ || !wire_->context.c_call()) return;
  if (cancel_code_ == 0) {
    cancel_code_ = code;
    cancel_message_ = message;
  }
  close_sending_locked();
  grpc_call_cancel_with_status(wire_->context.c_call(), static_cast<grpc_status_code>(code), message, nullptr);
}

bool ServerCall::add_header(cgrpc_view key, cgrpc_view value) noexcept {
  if (!is_legal_header(key, value)) return false;
  std::lock_guard<std::mutex> lock(mutex_);
  if (ended_ || headers_sent_) return false;
  wire_->context.AddInitialMetadata(string(key), string(value));
  return true;
}

bool ServerCall::add_trailer(cgrpc_view key, cgrpc_view value) noexcept {
  if (!is_legal_header(key, value)) return false;
  std::lock_guard<std::mutex> lock(mutex_);
  if (ended_ || finish_requested_) return false;
  wire_->context.AddTrailingMetadata(string(key), string(value));
  return true;
}

void ServerCall::refuse(const Refusal &refusal) {
  if (refusal.pushback_ms >= 0) {
    wire_->context.AddTrailingMetadata("grpc-retry-pushback-ms", std::to_string(refusal.pushback_ms));
  }
  if (!refusal.details.empty()) wire_->context.AddTrailingMetadata("grpc-status-details-bin", refusal.details);
  finish(refusal.code, view(refusal.message));
}

}  // namespace cgrpc
