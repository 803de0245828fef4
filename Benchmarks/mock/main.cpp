// mock_upstream [--port N]
//
// An OpenAI-compatible upstream that answers as the model's name says (see behaviour.h): HTTP/1.1 with keep-alive on
// loopback, one thread, TCP_NODELAY. Serves POST /v1/chat/completions, GET /v1/models, GET /health and GET /stats. Prints
// one JSON line with its port when it is ready; ends on SIGTERM or SIGINT.

#include <csignal>
#include <cstdio>
#include <exception>

#include "common/arguments.h"
#include "common/json_line.h"
#include "common/loopback.h"
#include "mock/server.h"

int main(int count, char** values) {
  try {
    bench::Arguments arguments(count, values, {"port"});
    auto port = uint16_t(arguments.whole("port", 0, 0, 65535));
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, nullptr);
    bench::raiseFileLimit();
    bench::Listener listener = bench::listenOnLoopback(port);
    bench::Server server(listener.descriptor);
    bench::JSONLine().add("event", "ready").add("port", uint64_t(listener.port)).print();
    server.run();
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mock_upstream: %s\n", error.what());
    return 1;
  }
}
