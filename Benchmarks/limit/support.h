#pragma once
#include <grpcpp/grpcpp.h>

#include <memory>
#include <stdexcept>
#include <string>

#include "common/json_line.h"

namespace bench {

inline bool isEcho(const std::string& method) { return method == "/benchmark.v1.LimitService/Echo"; }
inline bool isHinted(const std::string& method) { return method == "/benchmark.v1.LimitService/StreamHinted"; }

/// A copy of the message in memory of its own, as a server has that composes each answer.
inline grpc::ByteBuffer copyOf(grpc::ByteBuffer& message) {
  grpc::Slice bytes;
  if (!message.TrySingleSlice(&bytes).ok()) message.DumpToSingleSlice(&bytes);
  grpc::Slice copy(bytes.begin(), bytes.size());
  return grpc::ByteBuffer(&copy, 1);
}

/// The options of message `index` of `count`. The hint on a call's first message would hang grpc 1.51: the initial
/// metadata travels with it and is never sent. On the last it would only delay.
inline grpc::WriteOptions writeOptions(bool hinted, int index, int count) {
  grpc::WriteOptions options;
  if (hinted && index > 0 && index < count - 1) options.set_buffer_hint();
  return options;
}

/// Adds the loopback port to `builder`, starts the server and prints the ready line. Throws when it cannot listen.
inline std::unique_ptr<grpc::Server> startServer(grpc::ServerBuilder& builder, uint16_t port) {
  int bound = 0;
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  std::string address = "127.0.0.1:" + std::to_string(port);
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &bound);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (!server || bound == 0) throw std::runtime_error("cannot listen on " + address);
  JSONLine().add("event", "ready").add("port", uint64_t(bound)).print();
  return server;
}

}  // namespace bench
