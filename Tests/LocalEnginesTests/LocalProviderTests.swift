import Glibc
import Inference
import Synchronization
import Testing

@testable import LocalEngines

/// An adapter that fails as told, or answers with nothing.
private struct StubAdapter: Provider {
    let id = ProviderID.local
    let fault: @Sendable () -> UpstreamFault?

    func start(_ request: UpstreamRequest) async throws(UpstreamFault) -> any UpstreamStream {
        if let fault = self.fault() { throw fault }
        return EmptyAnswer()
    }

    func countTokens(_ request: UpstreamRequest) async throws(UpstreamFault) -> Int? { 7 }
}

private final class EmptyAnswer: UpstreamStream {
    func next() async throws(UpstreamFault) -> [InferenceEvent]? { nil }
    func cancel() {}
}

/// Starts, and breaks off with the end of the engine.
private struct MortalAdapter: Provider {
    final class Answer: UpstreamStream {
        let pid: Int32
        init(_ pid: Int32) { self.pid = pid }

        func next() async throws(UpstreamFault) -> [InferenceEvent]? {
            kill(self.pid, SIGKILL)
            throw UpstreamFault(.truncated, "the stream ended")
        }

        func cancel() {}
    }

    let id = ProviderID.local
    let pid: Int32

    func start(_ request: UpstreamRequest) async throws(UpstreamFault) -> any UpstreamStream { Answer(self.pid) }
    func countTokens(_ request: UpstreamRequest) async throws(UpstreamFault) -> Int? { nil }
}

@Suite struct LocalProviderTests {
    private let directory: TemporaryDirectory

    init() throws {
        self.directory = try TemporaryDirectory()
    }

    private func request(_ model: String = "a") -> UpstreamRequest {
        let inference = InferenceRequest(id: "1", messages: [Message(.user, "hi")])
        return UpstreamRequest(inference: inference, model: model, delivery: .streamed)
    }

    private func supervisor(_ engine: ScriptedEngine) -> EngineSupervisor {
        EngineSupervisor(
            engine: engine, models: [LocalModel(name: "a", path: "/a")], clock: FastClock().engineClock, logger: silent)
    }

    @Test func oneAdapterIsMadeForEachLifeOfAnEngine() async throws {
        let supervisor = self.supervisor(ScriptedEngine(directory: self.directory))
        let made = SharedEndpoints()
        let provider = LocalProvider(supervisor: supervisor) { endpoint, _ in
            made.append(endpoint)
            return StubAdapter { nil }
        }
        try await supervisor.whileRunning {
            _ = try await provider.start(self.request())
            _ = try await provider.start(self.request())
            #expect(try await provider.countTokens(self.request()) == 7)
            let first = try #require(made.all.first)
            #expect(made.all.count == 1)
            kill(first.pid, SIGKILL)
            _ = await supervisor.awaitExit(of: first, model: "a")
            _ = try await provider.start(self.request())
            #expect(made.all.count == 2 && made.all.last?.apiKey != first.apiKey)
        }
    }

    @Test func aBrokenConnectionIsExplainedByTheCrashThatCausedIt() async throws {
        let supervisor = self.supervisor(ScriptedEngine(directory: self.directory))
        let provider = LocalProvider(supervisor: supervisor) { endpoint, _ in
            StubAdapter {
                kill(endpoint.pid, SIGKILL)
                return UpstreamFault(.unreachable, "connection reset")
            }
        }
        try await supervisor.whileRunning {
            do throws(UpstreamFault) {
                _ = try await provider.start(self.request())
                Issue.record("it answered")
            } catch {
                #expect(error == UpstreamFault(.unreachable, "fake for local/a was ended by signal 9"))
            }
        }
    }

    @Test func anAnswerThatBreaksOffIsExplainedByTheCrash() async throws {
        let supervisor = self.supervisor(ScriptedEngine(directory: self.directory))
        let provider = LocalProvider(supervisor: supervisor) { endpoint, _ in MortalAdapter(pid: endpoint.pid) }
        try await supervisor.whileRunning {
            let answer = try await provider.start(self.request())
            do throws(UpstreamFault) {
                _ = try await answer.next()
                Issue.record("it answered")
            } catch {
                #expect(error == UpstreamFault(.truncated, "fake for local/a was ended by signal 9"))
            }
        }
    }

    @Test func aFaultOfALivingEngineIsLeftAsItIs() async throws {
        let supervisor = self.supervisor(ScriptedEngine(directory: self.directory))
        let told = UpstreamFault(.contextLengthExceeded, "too long", httpStatus: 400)
        let provider = LocalProvider(supervisor: supervisor) { _, _ in StubAdapter { told } }
        try await supervisor.whileRunning {
            do throws(UpstreamFault) {
                _ = try await provider.start(self.request())
                Issue.record("it answered")
            } catch {
                #expect(error == told)
            }
        }
    }

    @Test func whatIsMissingMakesTheModelUnavailable() async throws {
        let supervisor = self.supervisor(ScriptedEngine(directory: self.directory, unavailable: { "install me" }))
        let provider = LocalProvider(supervisor: supervisor) { _, _ in StubAdapter { nil } }
        supervisor.recheck()
        #expect(provider.availability(of: "a") == .unavailable(reason: "install me"))
        #expect(provider.availability(of: "b") == .unavailable(reason: "local/b is not served by this process"))
    }
}

private final class SharedEndpoints: Sendable {
    private let endpoints = Mutex<[EngineEndpoint]>([])
    var all: [EngineEndpoint] { self.endpoints.withLock { $0 } }
    func append(_ endpoint: EngineEndpoint) { self.endpoints.withLock { $0.append(endpoint) } }
}
