#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "benchmark/v1/limit.grpc.pb.h"
#include "common/clock.h"
#include "load/options.h"
#include "load/recorder.h"
#include "roundhouse/v1/generation.grpc.pb.h"

// One struct per method that the client calls: its types, how a call of it begins, and what a good answer is.
// `Calls` in grpc_load.cpp does the rest.

namespace bench {

using Channel = std::shared_ptr<grpc::ChannelInterface>;

template <class Request>
Request generationRequest(const Options& options) {
  Request request;
  request.set_model("mock/" + options.model);
  auto* message = request.add_messages();
  message->set_role(roundhouse::v1::ROLE_USER);
  message->add_parts()->set_text(prompt);
  return request;
}

inline benchmark::v1::Payload echoRequest() {
  benchmark::v1::Payload payload;
  payload.set_data(prompt);
  return payload;
}

/// What is wrong with the end of a generated answer; empty when nothing is.
inline std::string completedFault(const roundhouse::v1::Completed& completed, uint32_t tokens) {
  if (completed.finish_reason() != roundhouse::v1::FINISH_REASON_STOP) return "finish reason is not STOP";
  if (completed.usage().output_tokens() != int64_t(tokens)) return "usage does not count the tokens sent";
  return {};
}

struct Generate {
  using Request = roundhouse::v1::GenerateRequest;
  using Response = roundhouse::v1::GenerateResponse;
  using Service = roundhouse::v1::GenerationService;

  static Request request(const Options& options) { return generationRequest<Request>(options); }

  static auto begin(Service::Stub& stub, grpc::ClientContext& context, const Request& request,
                    grpc::CompletionQueue& queue) {
    return stub.AsyncGenerate(&context, request, &queue);
  }

  static std::string fault(const Response& response, Answer& answer, const Options& options, Recorder& recorder) {
    answer.scan(response.text(), nanosecondsNow(), recorder);
    std::string fault = answer.fault(options.tokens);
    return fault.empty() ? completedFault(response.completed(), options.tokens) : fault;
  }
};

struct Echo {
  using Request = benchmark::v1::Payload;
  using Response = benchmark::v1::Payload;
  using Service = benchmark::v1::LimitService;

  static Request request(const Options&) { return echoRequest(); }

  static auto begin(Service::Stub& stub, grpc::ClientContext& context, const Request& request,
                    grpc::CompletionQueue& queue) {
    return stub.AsyncEcho(&context, request, &queue);
  }

  static std::string fault(const Response& response, Answer&, const Options&, Recorder&) {
    return response.data() == prompt ? "" : "the echo differs from what was sent";
  }
};

struct StreamGenerate {
  using Request = roundhouse::v1::StreamGenerateRequest;
  using Response = roundhouse::v1::StreamGenerateResponse;
  using Service = roundhouse::v1::GenerationService;

  /// What the events have said so far.
  struct Progress {
    int64_t events = 0;
    bool started = false, completed = false;
    std::string fault;
  };

  static Request request(const Options& options) { return generationRequest<Request>(options); }

  static auto begin(Service::Stub& stub, grpc::ClientContext& context, const Request& request,
                    grpc::CompletionQueue& queue, void* tag) {
    return stub.AsyncStreamGenerate(&context, request, &queue, tag);
  }

  static void event(const Response& response, Progress& progress, Answer& answer, const Options& options,
                    Recorder& recorder) {
    if (progress.completed) progress.fault = "an event after `completed`";
    if (response.sequence() != progress.events++) progress.fault = "a gap in the sequence";
    if (response.has_text_delta()) {
      if (!progress.started) progress.fault = "text before `started`";
      answer.scan(response.text_delta().text(), nanosecondsNow(), recorder);
    } else if (response.has_started()) {
      progress.started = true;
    } else if (response.has_completed()) {
      progress.completed = true;
      std::string fault = completedFault(response.completed(), options.tokens);
      if (!fault.empty()) progress.fault = fault;
    }
  }

  static std::string fault(const Progress& progress, const Answer& answer, const Options& options, Recorder&) {
    if (!progress.fault.empty()) return progress.fault;
    if (!progress.completed) return "status OK without `completed`";
    return answer.fault(options.tokens);
  }
};

struct EchoStream {
  using Request = benchmark::v1::Payload;
  using Response = benchmark::v1::Payload;
  using Service = benchmark::v1::LimitService;

  struct Progress {
    uint32_t messages = 0;
    bool differs = false;
  };

  static Request request(const Options&) { return echoRequest(); }

  static auto begin(Service::Stub& stub, grpc::ClientContext& context, const Request& request,
                    grpc::CompletionQueue& queue, void* tag) {
    return stub.AsyncStream(&context, request, &queue, tag);
  }

  static void event(const Response& response, Progress& progress, Answer&, const Options&, Recorder&) {
    progress.messages++;
    if (response.data() != prompt) progress.differs = true;
  }

  static std::string fault(const Progress& progress, const Answer&, const Options& options, Recorder& recorder) {
    recorder.messages(progress.messages);
    if (progress.differs) return "a message differs from what was sent";
    if (progress.messages == options.tokens) return {};
    return "expected " + std::to_string(options.tokens) + " messages, got " + std::to_string(progress.messages);
  }
};

struct EchoStreamHinted : EchoStream {
  static auto begin(Service::Stub& stub, grpc::ClientContext& context, const Request& request,
                    grpc::CompletionQueue& queue, void* tag) {
    return stub.AsyncStreamHinted(&context, request, &queue, tag);
  }
};

}  // namespace bench
