#include <grpcpp/generic/async_generic_service.h>

#include "limit/servers.h"
#include "limit/support.h"

namespace bench {
namespace {

/// Calls that wait to be accepted at any time: one per accept would leave new ones waiting for a turn of the queue.
constexpr int acceptSlots = 64;

/// One call, from waiting for a client to its end, driven by the queue's events.
class QueueCall {
 public:
  QueueCall(grpc::AsyncGenericService& service, grpc::ServerCompletionQueue& queue)
      : service_(service), queue_(queue) {
    service_.RequestCall(&context_, &stream_, &queue_, &queue_, this);
  }

  /// The last operation is done; `ok` is false when it came to nothing. May delete the call.
  void proceed(bool ok) {
    switch (step_) {
      case Step::accepting:
        if (!ok) break;
        new QueueCall(service_, queue_);
        step_ = Step::receiving;
        return stream_.Read(&request_, this);
      case Step::receiving:
        if (!ok) return finish(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "expected one message"));
        if (isEcho(context_.method())) return writeLast(request_, grpc::WriteOptions());
        hinted_ = isHinted(context_.method());
        return writeNext();
      case Step::writing:
        return ok ? writeNext() : finish(grpc::Status::CANCELLED);
      case Step::finishing:
        break;
    }
    delete this;
  }

 private:
  enum class Step { accepting, receiving, writing, finishing };

  void writeNext() {
    grpc::ByteBuffer message = copyOf(request_);
    int index = written_++;
    grpc::WriteOptions options = writeOptions(hinted_, index, streamLength);
    if (written_ == streamLength) return writeLast(message, options);
    step_ = Step::writing;
    stream_.Write(message, options, this);
  }

  void writeLast(const grpc::ByteBuffer& message, const grpc::WriteOptions& options) {
    step_ = Step::finishing;
    stream_.WriteAndFinish(message, options, grpc::Status::OK, this);
  }

  void finish(const grpc::Status& status) {
    step_ = Step::finishing;
    stream_.Finish(status, this);
  }

  grpc::AsyncGenericService& service_;
  grpc::ServerCompletionQueue& queue_;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_{&context_};
  grpc::ByteBuffer request_;
  Step step_ = Step::accepting;
  int written_ = 0;
  bool hinted_ = false;
};

}  // namespace

void serveWithCompletionQueue(uint16_t port) {
  grpc::AsyncGenericService service;
  grpc::ServerBuilder builder;
  builder.RegisterAsyncGenericService(&service);
  std::unique_ptr<grpc::ServerCompletionQueue> queue = builder.AddCompletionQueue();
  std::unique_ptr<grpc::Server> server = startServer(builder, port);
  for (int slot = 0; slot < acceptSlots; slot++) new QueueCall(service, *queue);
  void* tag = nullptr;
  bool ok = false;
  while (queue->Next(&tag, &ok)) static_cast<QueueCall*>(tag)->proceed(ok);
}

}  // namespace bench
