#pragma once
#include <cstdint>
#include <optional>
#include <string>

namespace bench {

/// What the load client calls.
enum class Target {
  /// The mock, over HTTP/1.1, without streaming: what a client pays without a gateway.
  directUnary,
  /// The mock, over HTTP/1.1, streamed.
  directStream,
  /// `roundhouse.v1.GenerationService/Generate`.
  generate,
  /// `roundhouse.v1.GenerationService/StreamGenerate`.
  streamGenerate,
  /// `benchmark.v1.LimitService/Echo`.
  echo,
  /// `benchmark.v1.LimitService/Stream`.
  echoStream,
  /// `benchmark.v1.LimitService/StreamHinted`.
  echoStreamHinted,
};

/// One run of the load client, bounded in count and time.
struct Options {
  Target target = Target::directUnary;
  uint16_t port = 0;
  std::string model;
  /// Tokens that each answer must have.
  uint32_t tokens = 0;
  /// Requests in flight.
  uint32_t concurrency = 1;
  /// Connections that they share.
  uint32_t connections = 1;
  /// No new request after so many.
  uint64_t requests = 0;
  /// No new request after so long.
  double seconds = 0;
  /// The first requests are spread over this time, so that paced streams do not march in step.
  double rampMilliseconds = 0;
  /// Further streams, each on a connection of its own, that are opened and never read.
  uint32_t stuck = 0;

  bool isStream() const;

  /// Reads a command line. Throws `ArgumentError`.
  static Options read(int count, char** values);
};

/// The prompt of every request.
inline constexpr const char* prompt = "Say something about a quick brown fox.";

}  // namespace bench
