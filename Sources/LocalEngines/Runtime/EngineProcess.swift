import Glibc
import Inference
import Subprocess
import Synchronization
import SystemPackage

/// One run of an engine, from the start of its process to its end.
///
/// The process leads its own group, and the group is what gets killed. It cannot outlive us: its standard input is a
/// pipe that it watches, and its launcher asks the kernel for `PR_SET_PDEATHSIG`. That signal is tied to the *thread*
/// that made the process; Subprocess spawns from one thread of its own that lives as long as we do.
struct EngineProcess: Sendable {
    /// For messages: `local/tiny`.
    let model: String
    let launch: Int
    let command: EngineCommand
    let clock: EngineClock
    let log: LogTail
    /// Each line that the engine writes to its standard error.
    let onLine: @Sendable (String) -> Void
    /// The process is there, and with it the group of its number.
    var onStart: @Sendable (Int32) async -> Void = { _ in }
    let onReady: @Sendable (EngineEndpoint) -> Void

    /// SIGTERM to the group, and SIGKILL to it for what is left after the grace.
    private var teardown: [TeardownStep] {
        [.gracefulShutDown(toProcessGroup: true, allowedDurationToNextStep: self.command.stopGrace)]
    }

    /// What became of a start.
    private struct Start: Sendable {
        var isReady = false
        var isTimedOut = false
        var refusal: String?
    }

    /// Runs the engine until it ends or the task is cancelled. When this returns, no process of its group is left.
    func run() async -> RuntimeExit {
        BrokenPipes.becomeErrors()
        let start = SharedStart()
        var options = PlatformOptions()
        options.processGroupID = 0
        options.teardownSequence = self.teardown
        let configuration = Configuration(
            executable: .path(FilePath(self.command.executable)),
            arguments: Arguments(self.command.arguments),
            environment: .custom(
                Dictionary(
                    uniqueKeysWithValues: self.command.environment.compactMap { name, value in
                        Environment.Key(rawValue: name).map { ($0, value) }
                    }
                )
            ),
            platformOptions: options
        )
        do {
            let result = try await Subprocess.run(
                configuration,
                input: .inputWriter,
                output: .sequence,
                error: .sequence
            ) { execution in
                await self.attend(execution, start)
            }
            self.log.finish()
            return self.explain(result.terminationStatus, start.value)
        } catch {
            if Task.isCancelled { return .stopped }
            return .crashed(reason: "\(self.command.executable) could not be started: \(error)")
        }
    }

    private typealias Running = Execution<CustomWriteInput, SequenceOutput, SequenceOutput>

    private func attend(_ execution: Running, _ start: SharedStart) async {
        await withTaskGroup { group in
            group.addTask {
                // Reading ends with the process, or by cancellation; neither is news here.
                try? await self.readLog(execution.standardError)
            }
            await self.onStart(execution.processIdentifier.value)
            // A process that is gone already is found out by reading.
            _ = try? await execution.standardInputWriter.write(self.command.specification + "\n")
            await self.awaitAnnouncement(execution, start)
            if !start.value.isReady { await execution.teardown(using: self.teardown) }
            await group.waitForAll()
        }
        await execution.teardown(using: self.teardown)
        // The leader is not reaped before we return, so its number still names this group: take what it left behind.
        try? execution.send(signal: .kill, toProcessGroup: true)
    }

    /// Reads standard output to its end; a start that takes too long has the process ended.
    private func awaitAnnouncement(_ execution: Running, _ start: SharedStart) async {
        await withTaskGroup { group in
            group.addTask {
                do { try await self.clock.sleep(self.command.startTimeout) } catch { return }
                guard start.timeOut() else { return }
                await execution.teardown(using: self.teardown)
            }
            try? await self.readAnnouncement(execution.standardOutput, start)
            group.cancelAll()
        }
    }

    private func readLog(_ output: SubprocessOutputSequence) async throws {
        for try await piece in output {
            for line in self.log.append(Self.bytes(of: piece)) { self.onLine(line) }
        }
    }

    private func readAnnouncement(_ output: SubprocessOutputSequence, _ start: SharedStart) async throws {
        var line: [UInt8] = []
        for try await piece in output {
            for byte in Self.bytes(of: piece) {
                if byte != UInt8(ascii: "\n") {
                    // An announcement is short; whatever is not may run past.
                    if line.count < 64 << 10 { line.append(byte) }
                } else {
                    self.take(EngineAnnouncement(line: line), start)
                    line.removeAll(keepingCapacity: true)
                }
            }
        }
    }

    private func take(_ announcement: EngineAnnouncement?, _ start: SharedStart) {
        switch announcement?.event {
        case .ready:
            guard let port = announcement?.port, let pid = announcement?.pid, start.becomeReady() else { return }
            self.onReady(
                EngineEndpoint(
                    host: "127.0.0.1",
                    port: port,
                    apiKey: self.command.apiKey,
                    pid: pid,
                    contextLength: announcement?.contextLength,
                    launch: self.launch
                )
            )
        case .error: start.refuse(announcement?.message ?? "the engine gave no reason")
        case nil: break
        }
    }

    private func explain(_ status: TerminationStatus, _ start: Start) -> RuntimeExit {
        let engine = "\(self.command.engine) for \(self.model)"
        if let refusal = start.refusal {
            return .refused(reason: "\(engine) could not start: \(refusal)\(self.log.quote())")
        }
        if start.isTimedOut {
            let limit = self.command.startTimeout
            return .crashed(reason: "\(engine) was not ready after \(limit)\(self.log.quote())")
        }
        if Task.isCancelled { return .stopped }
        let how =
            switch status {
            case .exited(let code): "ended with status \(code)"
            case .signaled(let signal): "was ended by signal \(signal)"
            }
        let when = start.isReady ? "" : " before it was ready"
        return .crashed(reason: "\(engine) \(how)\(when)\(self.log.quote())")
    }

    private static func bytes(of piece: SubprocessOutputSequence.Buffer) -> [UInt8] {
        unsafe piece.withUnsafeBytes { unsafe Array($0) }
    }

    /// ``Start`` between the tasks of one run.
    private final class SharedStart: Sendable {
        private let state = Mutex(Start())

        var value: Start { self.state.withLock { $0 } }

        func refuse(_ message: String) { self.state.withLock { $0.refusal = message } }

        /// - Returns: Whether this was the first of ``becomeReady()`` and ``timeOut()``.
        func becomeReady() -> Bool {
            self.state.withLock { start in
                guard !start.isReady, !start.isTimedOut else { return false }
                start.isReady = true
                return true
            }
        }

        func timeOut() -> Bool {
            self.state.withLock { start in
                guard !start.isReady, !start.isTimedOut else { return false }
                start.isTimedOut = true
                return true
            }
        }
    }
}
