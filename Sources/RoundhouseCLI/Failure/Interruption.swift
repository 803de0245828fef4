internal import Glibc
internal import UnixSignals

/// Ctrl-C.
enum Interruption {
    /// Runs `body` and cancels it on the first SIGINT, which lets its RPC tell the server. A second one ends the
    /// process at once, should the body not return.
    ///
    /// - Throws: ``Interrupted`` after a SIGINT, else what `body` throws.
    static func guarding(_ body: @escaping @Sendable () async throws -> Void) async throws {
        let signals = await UnixSignalsSequence(trapping: .sigint)
        let (interruptions, interrupt) = AsyncStream.makeStream(of: Void.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                var isFirst = true
                for await _ in signals {
                    if !isFirst {
                        TerminalScreen.restoreAtOnce()
                        _exit(ExitStatus.interrupted.rawValue)
                    }
                    isFirst = false
                    interrupt.yield()
                }
            }
            defer { group.cancelAll() }
            try await Self.run(body, until: interruptions)
        }
    }

    /// Runs `body` until it ends, or cancels it with the first element of `interruptions` and waits for its end.
    static func run(
        _ body: @escaping @Sendable () async throws -> Void,
        until interruptions: AsyncStream<Void>
    ) async throws {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await body()
                return false
            }
            group.addTask {
                for await _ in interruptions { return true }
                return false
            }
            let wasInterrupted = try await group.next() ?? false
            group.cancelAll()
            guard wasInterrupted else { return }
            // Whatever the cancelled body throws, the interruption is why.
            while await group.nextResult() != nil {}
            throw Interrupted()
        }
    }
}
