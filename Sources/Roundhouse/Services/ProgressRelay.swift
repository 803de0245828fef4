internal import Synchronization

/// Carries what an operation tells to a client that may read more slowly than it is told.
///
/// An update replaces one with the same key that still waits, so that little waits however slow the client is; what has
/// no key is never replaced.
struct ProgressRelay<Update: Sendable>: Sendable {
    private let key: @Sendable (Update) -> String?

    init(key: @escaping @Sendable (Update) -> String?) {
        self.key = key
    }

    /// Runs `operation` and gives what it reports to `write`, in order, everything before its end.
    ///
    /// When the task is cancelled or `write` throws, the operation's task is cancelled.
    ///
    /// - Returns: what `operation` returned.
    /// - Throws: what `operation` or `write` threw.
    func run<Result: Sendable>(
        operation: @escaping @Sendable (_ report: @escaping @Sendable (Update) -> Void) async throws -> Result,
        write: ([Update]) async throws -> Void
    ) async throws -> Result {
        let mailbox = Mailbox(key: self.key)
        return try await withThrowingTaskGroup(of: Result.self) { group in
            group.addTask {
                defer { mailbox.close() }
                return try await operation { mailbox.put($0) }
            }
            for await _ in mailbox.arrivals {
                let updates = mailbox.take()
                if !updates.isEmpty { try await write(updates) }
            }
            let rest = mailbox.take()
            if !rest.isEmpty { try await write(rest) }
            guard let result = try await group.next() else { throw CancellationError() }
            return result
        }
    }

    /// What was told and not yet written.
    private final class Mailbox: Sendable {
        let arrivals: AsyncStream<Void>
        private let arrival: AsyncStream<Void>.Continuation
        private let key: @Sendable (Update) -> String?
        private let waiting = Mutex<[(key: String?, update: Update)]>([])

        init(key: @escaping @Sendable (Update) -> String?) {
            self.key = key
            (self.arrivals, self.arrival) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        }

        func put(_ update: Update) {
            let key = self.key(update)
            self.waiting.withLock { waiting in
                if let key, let index = waiting.lastIndex(where: { $0.key == key }) {
                    waiting[index].update = update
                } else {
                    waiting.append((key, update))
                }
            }
            self.arrival.yield()
        }

        func take() -> [Update] {
            self.waiting.withLock { waiting in
                defer { waiting.removeAll(keepingCapacity: true) }
                return waiting.map(\.update)
            }
        }

        func close() { self.arrival.finish() }
    }
}
