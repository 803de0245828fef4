internal import Dispatch
internal import Glibc
internal import Synchronization
internal import UnixSignals

/// The terminal of the process as a ``Screen``: keys one by one, its size when that changes, and all as it was at the end.
struct TerminalScreen: Sendable {
    /// What must be put back, for the way out that runs no code of ours but this.
    private struct Borrowed: Sendable {
        var input: Int32
        var output: Int32
        /// Nil: the input is no terminal.
        var mode: termios?
    }

    private static let borrowed = Mutex<Borrowed?>(nil)

    let input: Int32
    let output: Int32

    /// Runs `body` on the screen. SIGTERM and SIGHUP cancel it, and end the process once the terminal is as it was.
    ///
    /// - Parameter write: writes to ``output``, after what was written before.
    func run(
        write: @escaping @Sendable (String) async throws -> Void,
        _ body: @escaping @Sendable (Screen) async throws -> Void
    ) async throws {
        let signals = await UnixSignalsSequence(trapping: .sigwinch, .sigterm, .sighup)
        let (events, sender) = AsyncStream.makeStream(of: Screen.Event.self, bufferingPolicy: .bufferingNewest(256))
        let mode = Self.mode(self.input)
        let screen = Screen(
            size: { [output = self.output] in Self.size(output) },
            hasKeys: mode != nil,
            events: events,
            suspend: {
                await self.giveBack(mode, write)
                // To this thread, so that it does not go on while the signal is on its way to another one.
                _ = raise(SIGSTOP)
                try await self.borrow(mode, write)
            }
        )
        var ending: Int32?
        do {
            try await self.borrow(mode, write)
            ending = try await self.run(screen, signals, sender, readsKeys: mode != nil, body)
        } catch {
            await self.giveBack(mode, write)
            throw error
        }
        await self.giveBack(mode, write)
        if let ending { Self.end(by: ending) }
    }

    /// - Returns: the signal by which the process must end.
    private func run(
        _ screen: Screen,
        _ signals: UnixSignalsSequence,
        _ sender: AsyncStream<Screen.Event>.Continuation,
        readsKeys: Bool,
        _ body: @escaping @Sendable (Screen) async throws -> Void
    ) async throws -> Int32? {
        try await withThrowingTaskGroup(of: Int32?.self) { group in
            group.addTask {
                try await body(screen)
                return nil
            }
            group.addTask {
                for await signal in signals {
                    guard signal == .sigwinch else { return signal.rawValue }
                    sender.yield(.resized)
                }
                // Only when it is cancelled, and then the result of `body` counts.
                return nil
            }
            if readsKeys { group.addTask { await self.readKeys { sender.yield(.key($0)) } } }
            defer {
                group.cancelAll()
                sender.finish()
            }
            guard let ending = try await group.next() ?? nil else { return nil }
            group.cancelAll()
            // Whatever the cancelled body throws, the signal is why.
            while await group.nextResult() != nil {}
            return ending
        }
    }

    /// Until the task is cancelled. The end of the input is no end of the command: it only brings no more keys.
    private func readKeys(_ take: @escaping @Sendable (Key) -> Void) async -> Int32? {
        let (chunks, sender) = AsyncStream.makeStream(of: [UInt8].self)
        let source = DispatchSource.makeReadSource(
            fileDescriptor: self.input, queue: DispatchQueue(label: "roundhouse.keys"))
        source.setEventHandler { [input = self.input] in
            var bytes = [UInt8](repeating: 0, count: 256)
            let count = unsafe bytes.withUnsafeMutableBytes { unsafe read(input, $0.baseAddress, $0.count) }
            if count > 0 { sender.yield(Array(bytes.prefix(count))) }
            if count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN) { sender.finish() }
        }
        source.resume()
        defer { source.cancel() }
        var reader = KeyReader()
        for await chunk in chunks {
            for key in reader.take(chunk) { take(key) }
        }
        source.cancel()
        await Self.cancellation()
        return nil
    }

    private static func cancellation() async {
        let (never, sender) = AsyncStream.makeStream(of: Void.self)
        await withTaskCancellationHandler {
            for await _ in never {}
        } onCancel: {
            sender.finish()
        }
    }

    // MARK: - Its modes

    private func borrow(_ mode: termios?, _ write: (String) async throws -> Void) async throws {
        Self.borrowed.withLock { $0 = Borrowed(input: self.input, output: self.output, mode: mode) }
        if var raw = mode {
            // Keys at once and unseen. Ctrl-C stays a signal, Ctrl-Z becomes a key: it gives the screen back first.
            raw.c_lflag &= ~tcflag_t(ICANON | ECHO)
            Self.disable(VSUSP, &raw)
            _ = unsafe tcsetattr(self.input, TCSADRAIN, &raw)
        }
        try await write(ScreenText.enter)
    }

    private func giveBack(_ mode: termios?, _ write: (String) async throws -> Void) async {
        // A terminal that is gone needs nothing back.
        try? await write(ScreenText.leave)
        // Keys that nobody took are not for the shell.
        if var mode { _ = unsafe tcsetattr(self.input, TCSAFLUSH, &mode) }
        Self.borrowed.withLock { $0 = nil }
    }

    /// Puts a borrowed terminal back without waiting for anything, right before the process ends.
    static func restoreAtOnce() {
        Self.borrowed.withLock { borrowed in
            guard let terminal = borrowed else { return }
            // Somebody may have stopped the output with Ctrl-S.
            _ = tcflow(terminal.output, TCOON)
            if var mode = terminal.mode { _ = unsafe tcsetattr(terminal.input, TCSANOW, &mode) }
            let text = Array(ScreenText.leave.utf8)
            _ = unsafe text.withUnsafeBytes { unsafe Glibc.write(terminal.output, $0.baseAddress, $0.count) }
            borrowed = nil
        }
    }

    /// Nil: it is no terminal.
    private static func mode(_ descriptor: Int32) -> termios? {
        var mode = termios()
        return unsafe tcgetattr(descriptor, &mode) == 0 ? mode : nil
    }

    private static func disable(_ character: Int32, _ mode: inout termios) {
        unsafe withUnsafeMutableBytes(of: &mode.c_cc) { unsafe $0[Int(character)] = 0 }
    }

    /// 80 by 24 where it does not say.
    private static func size(_ descriptor: Int32) -> ScreenSize {
        var size = winsize()
        guard unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
            return ScreenSize(columns: 80, rows: 24)
        }
        return ScreenSize(columns: Int(size.ws_col), rows: Int(size.ws_row))
    }

    /// So that whoever sent the signal sees that it did its work.
    private static func end(by number: Int32) {
        _ = signal(number, SIG_DFL)
        var set = sigset_t()
        _ = unsafe sigemptyset(&set)
        _ = unsafe sigaddset(&set, number)
        _ = unsafe pthread_sigmask(SIG_UNBLOCK, &set, nil)
        _ = kill(getpid(), number)
        _exit(128 + number)
    }
}
