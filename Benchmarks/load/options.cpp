#include "load/options.h"

#include <algorithm>
#include <map>

#include "common/arguments.h"

namespace bench {
namespace {

const std::map<std::string, Target> targets = {
    {"direct-unary", Target::directUnary}, {"direct-stream", Target::directStream},
    {"generate", Target::generate},        {"stream-generate", Target::streamGenerate},
    {"echo", Target::echo},                {"echo-stream", Target::echoStream},
    {"echo-stream-hinted", Target::echoStreamHinted},
};

Target targetNamed(const std::string& name) {
  auto found = targets.find(name);
  if (found != targets.end()) return found->second;
  std::string names;
  for (const auto& entry : targets) names += (names.empty() ? "" : ", ") + entry.first;
  throw ArgumentError("expected a target (" + names + "), got \"" + name + "\"");
}

}  // namespace

bool Options::isStream() const {
  return target != Target::directUnary && target != Target::generate && target != Target::echo;
}

Options Options::read(int count, char** values) {
  Arguments arguments(count, values,
                      {"port", "model", "tokens", "concurrency", "connections", "requests", "seconds", "ramp-ms",
                       "stuck"});
  if (arguments.words().size() != 1) throw ArgumentError("expected exactly one target");
  Options options;
  options.target = targetNamed(arguments.words().front());
  options.port = uint16_t(arguments.whole("port", 0, 1, 65535));
  if (options.port == 0) throw ArgumentError("--port is missing");
  options.model = arguments.text("model", "mock-64");
  options.tokens = uint32_t(arguments.whole("tokens", 64, 1, 1'000'000));
  options.concurrency = uint32_t(arguments.whole("concurrency", 1, 1, 10'000));
  options.connections = uint32_t(arguments.whole("connections", options.concurrency, 1, options.concurrency));
  options.requests = arguments.whole("requests", 1'000'000'000, 1, 1'000'000'000);
  options.seconds = arguments.number("seconds", 5, 0.01, 600);
  options.rampMilliseconds = arguments.number("ramp-ms", 0, 0, 60'000);
  options.stuck = uint32_t(arguments.whole("stuck", 0, 0, 1000));
  if (options.stuck != 0 && options.target != Target::streamGenerate) {
    throw ArgumentError("--stuck needs the target stream-generate");
  }
  return options;
}

}  // namespace bench
