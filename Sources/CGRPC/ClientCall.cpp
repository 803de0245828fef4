#include "ClientCall.hpp"

#include <grpc/grpc.h>
#include <grpc/support/time.h>

#include <cstring>
#include <limits>

namespace cgrpc {

namespace {

/// The views live as long as the map.
template <class Map>
std::vector<cgrpc_header> headers_of(const Map &map) {
  std::vector<cgrpc_header> headers;
  headers.reserve(map.size());
  for (const auto &entry : map) {
    headers.push_back({{entry.first.data(), entry.first.size()}, {entry.second.data(), entry.second.size()}});
  }
  return headers;
}

}  // namespace

ClientCall::ClientCall(std::shared_ptr<Channel> channel, std::shared_ptr<Queue> queue,
                       const cgrpc_call_options &options, void *context)
    : Call(std::move(queue), channel->callbacks(), channel->limits()),
      channel_(std::move(channel)),
      wire_(std::make_unique<Wire>(this)),
      method_(options.method),
      single_request_(options.single_request),
      single_response_(options.single_response) {
  context_ = context;
  hold_single_ = single_request_;
  auto &wire = wire_->context;
  for (size_t i = 0; i < options.headers.count; i++) {
    const auto &entry = options.headers.entries[i];
    wire.AddMetadata(string(entry.key), string(entry.value));
  }
  if (options.timeout_ns != std::numeric_limits<int64_t>::max()) {
    gpr_timespec timeout = gpr_time_from_nanos(options.timeout_ns, GPR_TIMESPAN);
    wire.set_deadline(gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), timeout));
  }
  wire.set_wait_for_ready(options.wait_for_ready);
  if (options.compression == 1) wire.set_compression_algorithm(GRPC_COMPRESS_DEFLATE);
  if (options.compression == 2) wire.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  // The metadata of a unary request leaves with its message; a stream's leaves at once, a server may wait for it.
  wire.set_initial_metadata_corked(single_request_);
}

void ClientCall::start() noexcept {
  // Counted until the status has come: between two reads no other operation need be under way.
  begin_operation();
  wire_->stream = channel_->stub().PrepareCall(&wire_->context, method_, queue_->cq());
  if (single_request_) {
    wire_->stream->StartCall(nullptr);
  } else {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      mark_sending_locked();
    }
    wire_->stream->StartCall(&wire_->write_tag);
  }
  std::unique_lock<std::mutex> lock(mutex_);
  started_ = true;
  if (single_response_) {
    start_read_locked(lock);
  } else {
    awaiting_headers_ = true;
    begin_operation();
    lock.unlock();
    Wire &wire = *wire_;
    auto &stream = *wire.stream;
    happens_before(queue_.get());
    stream.ReadInitialMetadata(&wire.headers_tag);
  }
}

void ClientCall::start_read_locked(std::unique_lock<std::mutex> &lock) {
  reading_ = true;
  begin_operation();
  lock.unlock();
  Wire &wire = *wire_;
  auto &stream = *wire.stream;
  happens_before(queue_.get());
  stream.Read(&wire.incoming, &wire.read_tag);
}

void ClientCall::on_headers(bool ok) {
  if (ok) deliver_headers();
  std::unique_lock<std::mutex> lock(mutex_);
  awaiting_headers_ = false;
  if (!ok) received_all_ = true;
  if (read_wanted_ && !received_all_ && !cancelled_) {
    read_wanted_ = false;
    start_read_locked(lock);
    return;
  }
  finish_if_due(lock);
}

void ClientCall::deliver_headers() {
  if (headers_delivered_ || !context_) return;
  headers_delivered_ = true;
  auto headers = headers_of(wire_->context.GetServerInitialMetadata());
  callbacks_.on_headers(context_, {headers.data(), headers.size()});
}

void ClientCall::read() noexcept {
  std::unique_lock<std::mutex> lock(mutex_);
  if (!started_ || ended_ || reading_ || received_all_ || cancelled_) return;
  if (awaiting_headers_) {
    // Both would ask for the headers, and gRPC allows that only once.
    read_wanted_ = true;
    return;
  }
  start_read_locked(lock);
}

void ClientCall::on_message(bool ok) {
  if (ok) {
    deliver_headers();
    cgrpc_slice slice = take_slice(wire_->incoming);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      reading_ = false;
    }
    callbacks_.on_message(context_, CGRPC_READ_MESSAGE, &slice);
  }
  std::unique_lock<std::mutex> lock(mutex_);
  if (!ok) {
    reading_ = false;
    received_all_ = true;
  }
  finish_if_due(lock);
}

void ClientCall::finish_if_due(std::unique_lock<std::mutex> &lock) {
  bool due = started_ && (received_all_ || cancelled_) && !reading_ && !awaiting_headers_ && !finishing_;
  if (!due) return;
  finishing_ = true;
  begin_operation();
  lock.unlock();
  Wire &wire = *wire_;
  auto &stream = *wire.stream;
  happens_before(queue_.get());
  stream.Finish(&wire.status, &wire.finish_tag);
}

void ClientCall::on_finish(bool) {
  // Counts off the operation of `start`, whatever happens in between; this handler's own still holds the call.
  struct Guard {
    ClientCall *call;
    ~Guard() { call->end_operation(); }
  } guard{this};
  const grpc::Status &status = wire_->status;
  auto initial = headers_of(wire_->context.GetServerInitialMetadata());
  if (status.ok() || !initial.empty()) deliver_headers();
  auto trailers = headers_of(wire_->context.GetServerTrailingMetadata());
  std::string message;
  cgrpc_end end{};
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ended_ = true;
    close_sending_locked();
    bool ours = cancel_code_ != 0 && status.error_code() == grpc::StatusCode::CANCELLED;
    end.code = ours ? cancel_code_ : static_cast<int32_t>(status.error_code());
    message = ours ? cancel_message_ : status.error_message();
  }
  end.message = view(message);
  end.trailers = {trailers.data(), trailers.size()};
  callbacks_.on_end(context_, end);
  context_ = nullptr;
}

void ClientCall::start_send(Send send) {
  grpc::WriteOptions options;
  if (send.hint) options.set_buffer_hint();
  Wire &wire = *wire_;
  auto &stream = *wire.stream;
  happens_before(queue_.get());
  if (send.kind == Send::end) {
    stream.WritesDone(&wire.write_tag);
    return;
  }
  grpc::ByteBuffer buffer(&send.slice, 1);
  if (send.kind == Send::message) stream.Write(buffer, options, &wire.write_tag);
  else stream.WriteLast(buffer, options, &wire.write_tag);
}

void ClientCall::wire_done() noexcept {
  wire_.reset();
  channel_->close_call();
}

void ClientCall::failed(const char *what) noexcept {
  std::string text = std::string("The gRPC bridge caught an exception: ") + what;
  cancel(GRPC_STATUS_INTERNAL, text.c_str());
}

void ClientCall::cancel(int32_t code, const char *message) noexcept {
  std::unique_lock<std::mutex> lock(mutex_);
  if (ended_ || finishing_ || cancelled_) {
    // The status is on its way; without the peer's help it may take for ever.
    if (!ended_ && !cancelled_) wire_->context.TryCancel();
    return;
  }
  cancelled_ = true;
  cancel_code_ = code;
  cancel_message_ = message;
  close_sending_locked();
  wire_->context.TryCancel();
  finish_if_due(lock);
}

// MARK: - Channel

Channel::Channel(std::shared_ptr<grpc::Channel> channel, const cgrpc_call_callbacks &callbacks, WriteLimits limits,
                 int32_t queues)
    : stub_(std::move(channel)), callbacks_(callbacks), limits_(limits) {
  for (int32_t i = 0; i < std::max(1, queues); i++) {
    queues_.push_back(std::make_shared<Queue>());
    queues_.back()->start(std::make_unique<grpc::CompletionQueue>(), {});
  }
}

std::shared_ptr<Queue> Channel::next_queue() {
  return queues_[turn_.fetch_add(1, std::memory_order_relaxed) % queues_.size()];
}

bool Channel::open_call() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (shut_down_) return false;
  calls_++;
  return true;
}

void Channel::close_call() {
  bool last;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    last = --calls_ == 0 && shut_down_;
  }
  if (last) stop_queues();
}

void Channel::shutdown() {
  bool idle;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (shut_down_) return;
    shut_down_ = true;
    idle = calls_ == 0;
  }
  if (idle) stop_queues();
}

void Channel::stop_queues() {
  for (auto &queue : queues_) queue->stop();
}

}  // namespace cgrpc
