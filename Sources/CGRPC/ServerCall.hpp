// One incoming call: from the moment it is awaited until its last operation has completed.
#pragma once

#include "Call.hpp"
#include "Server.hpp"

#include <grpcpp/generic/async_generic_service.h>

namespace cgrpc {

class ServerCall final : public Call {
 public:
  /// Waits for a call on the queue; when one has come, another ServerCall is made to wait for the next.
  static void await(const std::shared_ptr<Server> &server, int32_t queue_index);

  void read() noexcept override;
  bool add_header(cgrpc_view key, cgrpc_view value) noexcept override;
  bool add_trailer(cgrpc_view key, cgrpc_view value) noexcept override;
  void cancel(int32_t code, const char *message) noexcept override;

 protected:
  void start_send(Send send) override;
  void wire_done() noexcept override;
  void failed(const char *what) noexcept override;

 private:
  ServerCall(std::shared_ptr<Server> server, int32_t queue_index);

  void on_request(bool ok);
  void on_done(bool ok);
  void on_message(bool ok);
  void on_write(bool ok) { on_sent(ok); }

  /// The gRPC objects. They must go before the server can shut down, so they do not live as long as the handle.
  struct Wire {
    explicit Wire(ServerCall *call) : request_tag(call), done_tag(call), read_tag(call), write_tag(call) {}
    grpc::GenericServerContext context;
    grpc::GenericServerAsyncReaderWriter stream{&context};
    grpc::ByteBuffer incoming;
    OperationTag<ServerCall, &ServerCall::on_request> request_tag;
    OperationTag<ServerCall, &ServerCall::on_done> done_tag;
    OperationTag<ServerCall, &ServerCall::on_message> read_tag;
    OperationTag<ServerCall, &ServerCall::on_write> write_tag;
  };

  void announce(cgrpc_slice *message, bool ended_requests);
  void refuse(const Refusal &refusal);

  std::shared_ptr<Server> server_;
  const int32_t queue_index_;
  const MethodEntry *method_ = nullptr;
  int32_t method_index_ = -1;
  std::unique_ptr<Wire> wire_;
  /// The call has come in, and is counted.
  bool accepted_ = false;
  /// It was not refused.
  bool running_ = false;
  /// The owner knows of it. On the queue's thread only.
  bool announced_ = false;
  /// The code of `cancel`, for `on_end`. Guarded by mutex_.
  int32_t cancel_code_ = 0;
  std::string cancel_message_;
  bool headers_sent_ = false;
};

}  // namespace cgrpc
