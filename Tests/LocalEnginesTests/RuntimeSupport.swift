import FoundationEssentials
import Inference
import Synchronization
import Testing

@testable import LocalEngines

/// A clock whose sleepers wait until a test lets them go.
final class StepClock: Sendable {
    private struct Sleeper {
        var number: Int
        var duration: Duration
        var continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var last = 0
        var sleepers: [Sleeper] = []
        var passed = Duration.zero
    }

    private let state = Mutex(State())
    private let arrivals = AsyncStream<Void>.makeStream()
    private let start = ContinuousClock.now

    var engineClock: EngineClock {
        EngineClock(
            now: { self.start + self.state.withLock { $0.passed } },
            wallMicroseconds: { 1_700_000_000_000_000 },
            sleep: { try await self.sleep($0) }
        )
    }

    /// Waits until someone sleeps for `duration`, and wakes one of them, that much later.
    func pass(_ duration: Duration) async {
        while true {
            let sleeper = self.state.withLock { state -> Sleeper? in
                guard let index = state.sleepers.firstIndex(where: { $0.duration == duration }) else { return nil }
                state.passed += duration
                return state.sleepers.remove(at: index)
            }
            if let sleeper { return sleeper.continuation.resume() }
            for await _ in self.arrivals.stream { break }
        }
    }

    /// Waits until someone sleeps for `duration`.
    func untilSleeping(_ duration: Duration) async {
        while !self.state.withLock({ state in state.sleepers.contains { $0.duration == duration } }) {
            for await _ in self.arrivals.stream { break }
        }
    }

    private func sleep(_ duration: Duration) async throws {
        let number = self.state.withLock { state in
            state.last += 1
            return state.last
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let isCancelled = self.state.withLock { state in
                    if Task.isCancelled { return true }
                    state.sleepers.append(Sleeper(number: number, duration: duration, continuation: continuation))
                    return false
                }
                if isCancelled { continuation.resume(throwing: CancellationError()) }
                self.arrivals.continuation.yield()
            }
        } onCancel: {
            let sleeper = self.state.withLock { state in
                state.sleepers.firstIndex { $0.number == number }.map { state.sleepers.remove(at: $0) }
            }
            sleeper?.continuation.resume(throwing: CancellationError())
        }
    }
}

/// The reports of one launch, in order, and one at a time for who waits for them.
final class Reports: Sendable {
    private let taken = Mutex<[RuntimeReport]>([])
    private let stream = AsyncStream<RuntimeReport>.makeStream()

    var all: [RuntimeReport] { self.taken.withLock { $0 } }

    @Sendable func take(_ report: RuntimeReport) {
        self.taken.withLock { $0.append(report) }
        self.stream.continuation.yield(report)
    }

    func finish() { self.stream.continuation.finish() }

    /// The next report that `pick` makes something of; `nil` when the launch ends without one.
    func next<Value>(_ pick: (RuntimeReport) -> Value?) async -> Value? {
        for await report in self.stream.stream {
            if let value = pick(report) { return value }
        }
        return nil
    }

    func ready() async -> RuntimeInstance? {
        await self.next { if case .ready(let instance) = $0 { instance } else { nil } }
    }
}

extension LlamaCppRuntime {
    /// Launches `model`, waits until it is ready, stops it after `body`, and returns how it ended.
    @discardableResult
    func whileReady(
        _ model: RuntimeModel,
        number: Int = 1,
        reports: Reports = Reports(),
        _ body: (RuntimeInstance, EngineEndpoint) async throws -> Void
    ) async throws -> RuntimeExit {
        let launch = RuntimeLaunch(number: number, model: model, stop: StopSignal())
        return try await withThrowingTaskGroup(of: RuntimeExit.self) { group in
            group.addTask {
                defer { reports.finish() }
                return await self.run(launch, report: reports.take)
            }
            do {
                guard let instance = await reports.ready(), let endpoint = self.endpoint(forLaunch: number) else {
                    let exit = try await group.next()
                    throw TestFailure("it was never ready: \(String(describing: exit))")
                }
                try await body(instance, endpoint)
            } catch {
                group.cancelAll()
                throw error
            }
            launch.stop.send()
            return try await group.next() ?? .stopped
        }
    }

    /// Launches `model` and returns how it ended by itself.
    func exit(of model: RuntimeModel, reports: Reports = Reports()) async -> RuntimeExit {
        let exit = await self.run(
            RuntimeLaunch(number: 1, model: model, stop: StopSignal()), report: reports.take)
        reports.finish()
        return exit
    }
}

struct TestFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

func localID(_ name: String) throws -> ModelID { try #require(ModelID(provider: .local, name: name)) }
