#pragma once
#include "load/options.h"
#include "load/recorder.h"

namespace bench {

/// Runs the direct targets: one thread, epoll, one request at a time on each connection.
/// Throws `std::system_error` when it cannot connect.
void runHTTPLoad(const Options& options, Recorder& recorder);

}  // namespace bench
