internal import Dispatch
internal import Glibc

/// The process' standard input, output and error.
///
/// A read waits for a person and a write for a slow reader, so each stream has a thread of its own queue: the
/// cooperative threads, which also watch for Ctrl-C, are never blocked.
struct StandardConsole: Console {
    let output: TerminalTraits
    let errors: TerminalTraits
    let isInputTerminal: Bool
    let clock = CommandClock.system
    private let inputQueue = DispatchQueue(label: "roundhouse.stdin")
    private let outputQueue = DispatchQueue(label: "roundhouse.stdout")

    init(environment: [String: String]) {
        self.output = TerminalTraits(descriptor: STDOUT_FILENO, environment: environment)
        self.errors = TerminalTraits(descriptor: STDERR_FILENO, environment: environment)
        self.isInputTerminal = isatty(STDIN_FILENO) == 1
    }

    func write(_ text: String) async throws {
        try await self.send(text, to: STDOUT_FILENO).get()
    }

    func note(_ text: String) async {
        _ = await self.send(text, to: STDERR_FILENO)
    }

    func nextLine() async -> String? {
        // A stream of one element, because its consumer returns at once when the task is cancelled, while the read
        // goes on until the process ends. Nothing is read ahead.
        let lines = AsyncStream<String?> { continuation in
            self.inputQueue.async {
                continuation.yield(readLine())
                continuation.finish()
            }
        }
        for await line in lines {
            return line
        }
        return nil
    }

    func withScreen(_ body: @escaping @Sendable (Screen) async throws -> Void) async throws {
        let terminal = TerminalScreen(input: STDIN_FILENO, output: STDOUT_FILENO)
        try await terminal.run(write: { try await self.write($0) }, body)
    }

    private func send(_ text: String, to descriptor: Int32) async -> Result<Void, any Error> {
        // One queue for both, so that they appear on a shared terminal in the order of the calls.
        await withCheckedContinuation { continuation in
            self.outputQueue.async {
                continuation.resume(returning: Self.writeAll(Array(text.utf8), to: descriptor))
            }
        }
    }

    private static func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Result<Void, any Error> {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written >= 0 {
                rest = rest.dropFirst(written)
            } else if errno == EAGAIN || errno == EWOULDBLOCK {
                // Somebody made the shared file description non-blocking: wait for room.
                var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = unsafe poll(&waiting, 1, -1)
            } else if errno == EPIPE {
                return .failure(OutputClosed())
            } else if errno != EINTR {
                let reason = unsafe String(cString: strerror(errno))
                return .failure(CommandFailure.local("cannot write the output: \(reason)", hint: nil))
            }
        }
        return .success(())
    }
}
