#include <grpcpp/generic/async_generic_service.h>

#include "limit/servers.h"
#include "limit/support.h"

namespace bench {
namespace {

class EchoCall : public grpc::ServerGenericBidiReactor {
 public:
  EchoCall() { StartRead(&message_); }

  void OnReadDone(bool ok) override {
    if (ok) StartWriteAndFinish(&message_, grpc::WriteOptions(), grpc::Status::OK);
    else Finish(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "expected one message"));
  }

  void OnDone() override { delete this; }

 private:
  grpc::ByteBuffer message_;
};

class StreamCall : public grpc::ServerGenericBidiReactor {
 public:
  explicit StreamCall(bool hinted) : hinted_(hinted) { StartRead(&request_); }

  void OnReadDone(bool ok) override {
    if (ok) writeNext();
    else Finish(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "expected one message"));
  }

  void OnWriteDone(bool ok) override {
    if (written_ == streamLength) return;
    if (ok) writeNext();
    else Finish(grpc::Status::CANCELLED);
  }

  void OnDone() override { delete this; }

 private:
  void writeNext() {
    message_ = copyOf(request_);
    int index = written_++;
    grpc::WriteOptions options = writeOptions(hinted_, index, streamLength);
    if (written_ == streamLength) StartWriteAndFinish(&message_, options, grpc::Status::OK);
    else StartWrite(&message_, options);
  }

  const bool hinted_;
  int written_ = 0;
  grpc::ByteBuffer request_, message_;
};

class CallbackService : public grpc::CallbackGenericService {
  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* context) override {
    if (isEcho(context->method())) return new EchoCall;
    return new StreamCall(isHinted(context->method()));
  }
};

}  // namespace

void serveWithCallbacks(uint16_t port) {
  CallbackService service;
  grpc::ServerBuilder builder;
  builder.RegisterCallbackGenericService(&service);
  startServer(builder, port)->Wait();
}

}  // namespace bench
