import Subprocess
import Synchronization

/// Lines that a process writes, with a way to wait for one.
final class Lines: Sendable {
    private struct Waiter {
        let matches: @Sendable (String) -> Bool
        let continuation: CheckedContinuation<String?, Never>
    }

    private struct State {
        var lines: [String] = []
        var isOver = false
        var waiters: [Waiter] = []
    }

    private let state = Mutex(State())

    /// What was written so far.
    var all: [String] { self.state.withLock { $0.lines } }

    /// The first line that `matches`, once there is one; `nil` when the process ended without it.
    func first(where matches: @escaping @Sendable (String) -> Bool) async -> String? {
        await withCheckedContinuation { continuation in
            let found: String?? = self.state.withLock { state in
                if let line = state.lines.first(where: matches) { return .some(line) }
                if state.isOver { return .some(nil) }
                state.waiters.append(Waiter(matches: matches, continuation: continuation))
                return nil
            }
            if let found { continuation.resume(returning: found) }
        }
    }

    /// The first line with `text` in it.
    func first(containing text: String) async -> String? {
        await self.first { $0.contains(text) }
    }

    /// Returns when the process has closed its end.
    func end() async {
        _ = await self.first { _ in false }
    }

    /// Takes everything that comes, to its end.
    func read(_ output: SubprocessOutputSequence) async {
        var line: [UInt8] = []
        do {
            for try await piece in output {
                for byte in unsafe piece.withUnsafeBytes({ unsafe Array($0) }) {
                    if byte == UInt8(ascii: "\n") {
                        self.append(String(decoding: line, as: UTF8.self))
                        line.removeAll()
                    } else {
                        line.append(byte)
                    }
                }
            }
        } catch {
            self.append("the output could not be read: \(error)")
        }
        if !line.isEmpty { self.append(String(decoding: line, as: UTF8.self)) }
        let waiters = self.state.withLock { state in
            state.isOver = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.continuation.resume(returning: nil) }
    }

    private func append(_ line: String) {
        let ready = self.state.withLock { state in
            state.lines.append(line)
            let ready = state.waiters.filter { $0.matches(line) }
            state.waiters.removeAll { $0.matches(line) }
            return ready
        }
        for waiter in ready { waiter.continuation.resume(returning: line) }
    }
}
