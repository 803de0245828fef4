// The client's side: a channel with its queues, and one outgoing call.
#pragma once

#include "Call.hpp"
#include "Queue.hpp"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace cgrpc {

class Channel final : public std::enable_shared_from_this<Channel> {
 public:
  Channel(std::shared_ptr<grpc::Channel> channel, const cgrpc_call_callbacks &callbacks, WriteLimits limits,
          int32_t queues);

  /// Counts a call, unless the channel has been shut down.
  bool open_call();
  void close_call();
  /// No more calls; the queues end with the last one.
  void shutdown();

  std::shared_ptr<Queue> next_queue();
  grpc::GenericStub &stub() { return stub_; }
  const cgrpc_call_callbacks &callbacks() const { return callbacks_; }
  WriteLimits limits() const { return limits_; }

 private:
  void stop_queues();

  grpc::GenericStub stub_;
  const cgrpc_call_callbacks callbacks_;
  const WriteLimits limits_;
  std::vector<std::shared_ptr<Queue>> queues_;
  std::atomic<uint32_t> turn_{0};

  std::mutex mutex_;
  // Guarded by mutex_:
  int64_t calls_ = 0;
  bool shut_down_ = false;
};

class ClientCall final : public Call {
 public:
  ClientCall(std::shared_ptr<Channel> channel, std::shared_ptr<Queue> queue, const cgrpc_call_options &options,
             void *context);

  void start() noexcept;
  void read() noexcept override;
  bool add_header(cgrpc_view, cgrpc_view) noexcept override { return false; }
  bool add_trailer(cgrpc_view, cgrpc_view) noexcept override { return false; }
  void cancel(int32_t code, const char *message) noexcept override;

 protected:
  void start_send(Send send) override;
  void wire_done() noexcept override;
  void failed(const char *what) noexcept override;

 private:
  void on_headers(bool ok);
  void on_message(bool ok);
  void on_write(bool ok) { on_sent(ok); }
  void on_finish(bool ok);

  void deliver_headers();
  /// Asks for the status, once, when nothing more is to be received. Unlocks.
  void finish_if_due(std::unique_lock<std::mutex> &lock);
  void start_read_locked(std::unique_lock<std::mutex> &lock);

  struct Wire {
    explicit Wire(ClientCall *call) : headers_tag(call), read_tag(call), write_tag(call), finish_tag(call) {}
    grpc::ClientContext context;
    std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream;
    grpc::ByteBuffer incoming;
    grpc::Status status;
    OperationTag<ClientCall, &ClientCall::on_headers> headers_tag;
    OperationTag<ClientCall, &ClientCall::on_message> read_tag;
    OperationTag<ClientCall, &ClientCall::on_write> write_tag;
    OperationTag<ClientCall, &ClientCall::on_finish> finish_tag;
  };

  std::shared_ptr<Channel> channel_;
  std::unique_ptr<Wire> wire_;
  const std::string method_;
  const bool single_request_;
  const bool single_response_;
  bool headers_delivered_ = false;  // on the queue's thread only

  // Guarded by mutex_:
  bool started_ = false;
  bool awaiting_headers_ = false;
  bool read_wanted_ = false;
  bool received_all_ = false;
  bool cancelled_ = false;
  bool finishing_ = false;
  int32_t cancel_code_ = 0;
  std::string cancel_message_;
};

}  // namespace cgrpc

/// The handle that C sees.
struct cgrpc_channel {
  std::shared_ptr<cgrpc::Channel> channel;
};
