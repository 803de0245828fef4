/// Tells one launch to end.
final class StopSignal: Sendable {
    private let stream: AsyncStream<Never>
    private let continuation: AsyncStream<Never>.Continuation

    init() {
        (self.stream, self.continuation) = AsyncStream.makeStream()
    }

    func send() { self.continuation.finish() }

    /// Returns once the signal was sent or the task is cancelled.
    func wait() async {
        for await _ in self.stream {}
    }
}
