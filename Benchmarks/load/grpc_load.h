#pragma once
#include "load/options.h"
#include "load/recorder.h"

namespace bench {

/// Runs the gRPC targets: one completion queue, one thread. Throws `std::runtime_error` when it cannot connect.
void runGRPCLoad(const Options& options, Recorder& recorder);

}  // namespace bench
