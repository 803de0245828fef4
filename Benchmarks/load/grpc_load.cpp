#include "load/grpc_load.h"

#include <chrono>
#include <stdexcept>
#include <vector>

#include "load/grpc_calls.h"

namespace bench {
namespace {

using namespace std::chrono_literals;
constexpr auto connectTimeout = 10s;
constexpr auto drainTimeout = 5s;

/// A channel with a connection of its own. Throws when nobody answers.
Channel connect(uint16_t port) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  std::string address = "127.0.0.1:" + std::to_string(port);
  auto channel = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  if (!channel->WaitForConnected(std::chrono::system_clock::now() + connectTimeout)) {
    throw std::runtime_error("no gRPC server answers at " + address);
  }
  return channel;
}

/// Handles one event of the queue, or waits until the time is up. False for the latter.
template <class Duration>
bool proceedOnce(grpc::CompletionQueue& queue, Duration timeout) {
  void* tag = nullptr;
  bool ok = false;
  auto status = queue.AsyncNext(&tag, &ok, std::chrono::system_clock::now() + timeout);
  if (status != grpc::CompletionQueue::GOT_EVENT) return false;
  static_cast<Operation*>(tag)->proceed(ok);
  return true;
}

std::vector<std::unique_ptr<StuckStream>> openStuckStreams(const Options& options, grpc::CompletionQueue& queue,
                                                           Recorder& recorder) {
  std::vector<std::unique_ptr<StuckStream>> streams;
  for (uint32_t index = 0; index < options.stuck; index++) {
    streams.push_back(std::make_unique<StuckStream>(connect(options.port), queue, recorder));
    while (!streams.back()->isOpen()) {
      if (!proceedOnce(queue, connectTimeout)) throw std::runtime_error("a stuck stream did not open");
    }
  }
  return streams;
}

template <class Method, template <class> class SlotType>
void run(const Options& options, Recorder& recorder) {
  grpc::CompletionQueue queue;
  Shared<Method> shared{options, recorder, queue, Method::request(options)};
  std::vector<std::unique_ptr<typename Method::Service::Stub>> stubs;
  for (uint32_t index = 0; index < options.connections; index++) {
    stubs.push_back(Method::Service::NewStub(connect(options.port)));
  }
  auto stuck = openStuckStreams(options, queue, recorder);
  std::vector<std::unique_ptr<Slot>> slots;
  for (uint32_t index = 0; index < options.concurrency; index++) {
    slots.push_back(std::make_unique<SlotType<Method>>(shared, *stubs[index % stubs.size()]));
  }

  recorder.begin();
  uint32_t begun = 0;
  while ((begun < options.concurrency || recorder.inFlight() > 0) && !recorder.gaveUp()) {
    while (begun < recorder.rampedUp()) slots[begun++]->start();
    if (begun < options.concurrency) proceedOnce(queue, 1ms);
    else if (recorder.inFlight() > 0) proceedOnce(queue, 1s);
  }

  // What the time ran out for ends as cancelled: an error in the report, and nothing that the queue still refers to.
  if (recorder.inFlight() > 0) {
    for (auto& slot : slots) slot->cancel();
  }
  for (auto& stream : stuck) stream->end();
  auto isOver = [&] {
    for (auto& stream : stuck) {
      if (!stream->isFinished()) return false;
    }
    return recorder.inFlight() == 0;
  };
  while (!isOver()) {
    if (!proceedOnce(queue, drainTimeout)) throw std::runtime_error("cancelled calls did not end");
  }
  queue.Shutdown();
  while (proceedOnce(queue, drainTimeout)) continue;
}

}  // namespace

void runGRPCLoad(const Options& options, Recorder& recorder) {
  switch (options.target) {
    case Target::generate:
      return run<Generate, UnarySlot>(options, recorder);
    case Target::streamGenerate:
      return run<StreamGenerate, StreamSlot>(options, recorder);
    case Target::echo:
      return run<Echo, UnarySlot>(options, recorder);
    case Target::echoStream:
      return run<EchoStream, StreamSlot>(options, recorder);
    case Target::echoStreamHinted:
      return run<EchoStreamHinted, StreamSlot>(options, recorder);
    case Target::directUnary:
    case Target::directStream:
      throw std::logic_error("not a gRPC target");
  }
}

}  // namespace bench
