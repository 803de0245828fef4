import Testing

/// The `roundhouse` program as its users have it: a process, reached over sockets, ended by signals.
///
/// One test at a time, so that figures mean something and a small machine is not asked for ten servers at once.
@Suite(.serialized, .timeLimit(.minutes(3)))
enum EndToEnd {}
