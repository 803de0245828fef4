import Testing

/// Tests that put hundreds of faulty answers through real sockets: one after another, so that they do not starve the tests
/// beside them of which some look at the clock.
@Suite("Faults", .serialized, .timeLimit(.minutes(3)))
enum FaultTests {}
