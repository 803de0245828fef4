#pragma once
#include <grpcpp/grpcpp.h>

#include <memory>
#include <optional>
#include <string>

#include "load/grpc_methods.h"

namespace bench {

/// Something that the completion queue reports to.
class Operation {
 public:
  virtual ~Operation() = default;
  /// The operation is done; `ok` is false when it came to nothing.
  virtual void proceed(bool ok) = 0;
};

/// One slot of the load: a call, and when it ends the next one.
class Slot : public Operation {
 public:
  virtual void start() = 0;
  virtual void cancel() = 0;
};

/// What a call failed with; empty for OK.
inline std::string describe(const grpc::Status& status) {
  constexpr size_t longest = 120;
  if (status.ok()) return {};
  return "gRPC status " + std::to_string(status.error_code()) + ": " + status.error_message().substr(0, longest);
}

/// What all slots of a run share.
template <class Method>
struct Shared {
  const Options& options;
  Recorder& recorder;
  grpc::CompletionQueue& queue;
  typename Method::Request request;
};

template <class Method>
class UnarySlot : public Slot {
 public:
  UnarySlot(Shared<Method>& shared, typename Method::Service::Stub& stub) : shared_(shared), stub_(stub) {}

  void start() override {
    reader_.reset();
    context_.reset();
    if (!shared_.recorder.mayStart()) return;
    context_.emplace();
    answer_ = shared_.recorder.started();
    reader_ = Method::begin(stub_, *context_, shared_.request, shared_.queue);
    reader_->Finish(&response_, &status_, this);
  }

  void proceed(bool) override {
    std::string fault = describe(status_);
    if (fault.empty()) fault = Method::fault(response_, answer_, shared_.options, shared_.recorder);
    shared_.recorder.finished(answer_, fault);
    start();
  }

  void cancel() override {
    if (context_) context_->TryCancel();
  }

 private:
  Shared<Method>& shared_;
  typename Method::Service::Stub& stub_;
  std::optional<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<typename Method::Response>> reader_;
  typename Method::Response response_;
  grpc::Status status_;
  Answer answer_;
};

template <class Method>
class StreamSlot : public Slot {
 public:
  StreamSlot(Shared<Method>& shared, typename Method::Service::Stub& stub) : shared_(shared), stub_(stub) {}

  void start() override {
    reader_.reset();
    context_.reset();
    if (!shared_.recorder.mayStart()) return;
    context_.emplace();
    progress_ = {};
    step_ = Step::starting;
    answer_ = shared_.recorder.started();
    reader_ = Method::begin(stub_, *context_, shared_.request, shared_.queue, this);
  }

  void proceed(bool ok) override {
    switch (step_) {
      case Step::starting:
        step_ = ok ? Step::reading : Step::finishing;
        break;
      case Step::reading:
        if (ok) Method::event(response_, progress_, answer_, shared_.options, shared_.recorder);
        else step_ = Step::finishing;
        break;
      case Step::finishing:
        return finish();
    }
    if (step_ == Step::reading) reader_->Read(&response_, this);
    else reader_->Finish(&status_, this);
  }

  void cancel() override {
    if (context_) context_->TryCancel();
  }

 private:
  enum class Step { starting, reading, finishing };

  void finish() {
    std::string fault = describe(status_);
    if (fault.empty()) fault = Method::fault(progress_, answer_, shared_.options, shared_.recorder);
    shared_.recorder.finished(answer_, fault);
    start();
  }

  Shared<Method>& shared_;
  typename Method::Service::Stub& stub_;
  Step step_ = Step::starting;
  std::optional<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientAsyncReader<typename Method::Response>> reader_;
  typename Method::Response response_;
  typename Method::Progress progress_;
  grpc::Status status_;
  Answer answer_;
};

/// A client that asks for an endless stream and never reads it.
class StuckStream : public Operation {
 public:
  StuckStream(const Channel& channel, grpc::CompletionQueue& queue, Recorder& recorder)
      : stub_(roundhouse::v1::GenerationService::NewStub(channel)), recorder_(recorder) {
    Options options;
    options.model = "mock-endless";
    reader_ = StreamGenerate::begin(*stub_, context_, StreamGenerate::request(options), queue, this);
  }

  void proceed(bool) override {
    if (step_ == Step::finishing) {
      step_ = Step::finished;
      recorder_.stuckEnded(status_.ok() ? "OK" : describe(status_));
    } else {
      step_ = Step::open;
    }
  }

  bool isOpen() const { return step_ == Step::open; }
  bool isFinished() const { return step_ == Step::finished; }

  /// Ends the call; the server's own status is reported where it ended the call before.
  void end() {
    context_.TryCancel();
    step_ = Step::finishing;
    reader_->Finish(&status_, this);
  }

 private:
  enum class Step { starting, open, finishing, finished };

  std::unique_ptr<roundhouse::v1::GenerationService::Stub> stub_;
  Recorder& recorder_;
  Step step_ = Step::starting;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientAsyncReader<StreamGenerate::Response>> reader_;
  grpc::Status status_;
};

}  // namespace bench
