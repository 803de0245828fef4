// load TARGET --port N [--model M] [--tokens N] [--concurrency N] [--connections N] [--requests N] [--seconds S]
//      [--ramp-ms T] [--stuck N]
//
// Calls the mock directly, Roundhouse, or an echo server (TARGET: see options.h), checks every answer and prints what
// it measured as one line of JSON. Exit code 0: every answer was good; 1: some were not (the report says which); 2: it
// could not run.

#include <cstdio>
#include <exception>

#include "common/arguments.h"
#include "common/loopback.h"
#include "load/grpc_load.h"
#include "load/http_load.h"
#include "load/recorder.h"

int main(int count, char** values) {
  try {
    bench::Options options = bench::Options::read(count, values);
    bench::raiseFileLimit();
    bench::Recorder recorder(options);
    bool direct = options.target == bench::Target::directUnary || options.target == bench::Target::directStream;
    if (direct) bench::runHTTPLoad(options, recorder);
    else bench::runGRPCLoad(options, recorder);
    return recorder.report() ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "load: %s\n", error.what());
    return 2;
  }
}
