// grpc_limit callback|queue [--port N]
//
// The least that a gRPC server over libgrpc++ can do, as the limit for every other: an echo and a stream of 64
// messages, generic (bytes), in its two asynchronous forms. Prints one JSON line with its port when it is ready; any
// signal ends it.

#include <cstdio>
#include <exception>

#include "common/arguments.h"
#include "common/loopback.h"
#include "limit/servers.h"

int main(int count, char** values) {
  try {
    bench::Arguments arguments(count, values, {"port"});
    auto port = uint16_t(arguments.whole("port", 0, 0, 65535));
    std::string kind = arguments.words().empty() ? "" : arguments.words().front();
    bench::raiseFileLimit();
    if (kind == "callback") {
      bench::serveWithCallbacks(port);
    } else if (kind == "queue") {
      bench::serveWithCompletionQueue(port);
    } else {
      throw bench::ArgumentError("expected `callback` or `queue`, got \"" + kind + "\"");
    }
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "grpc_limit: %s\n", error.what());
    return 1;
  }
}
