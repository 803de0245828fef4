#pragma once
#include <cstdint>

namespace bench {

/// A socket that listens, and the port that it got.
struct Listener {
  int descriptor;
  uint16_t port;
};

/// Listens on 127.0.0.1, without blocking. Port 0 takes a free one. Throws `std::system_error`.
Listener listenOnLoopback(uint16_t port);

/// Connects to 127.0.0.1; the socket does not block afterwards and has TCP_NODELAY. Throws `std::system_error`.
int connectToLoopback(uint16_t port);

/// Sends small segments at once: with Nagle's algorithm a token waits for the acknowledgement of the one before it.
void disableNagle(int descriptor);

/// Allows as many open files as the system lets this process have.
void raiseFileLimit();

}  // namespace bench
