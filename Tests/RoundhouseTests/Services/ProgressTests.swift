import GRPCCore
import GRPCProtobuf
import Inference
import RoundhouseAPI
import SwiftProtobuf
import Synchronization
import TestSupport
import Testing

@testable import Roundhouse

@Suite("StreamGenerate's progress")
struct ProgressTests {
    private func loading(_ model: String, _ bytes: Int64) throws -> LoadProgress {
        LoadProgress(
            model: try modelID(model), phase: .loading, queuePosition: 0, loadedBytes: bytes, totalBytes: 9,
            elapsed: .seconds(1), message: "reading")
    }

    @Test("Progress that was asked for comes before started, numbered with the rest")
    func tellsProgress() async throws {
        let progress = try self.loading("local/m", 4)
        let first = ScriptedProvider(.local) { request in
            request.progress?.report(progress)
            return .answer([[.textDelta("a"), .finished(.stop)]])
        }
        try await Gateway.with(first) { gateway in
            let (messages, error) = try await gateway.stream(.asking("hi") { $0.includeProgress = true })
            #expect(error == nil)
            #expect(messages.map(\.sequence) == [0, 1, 2, 3])
            let told = try #require(messages.first?.progress)
            #expect(told.model == "local/m" && told.phase == .loading && told.loadedBytes == 4 && told.totalBytes == 9)
            #expect(told.elapsed.seconds == 1 && told.message == "reading")
            #expect(messages[1].started.model == "local/m")
            #expect(messages.last?.completed.finishReason == .stop)
        }
    }

    @Test("Of progress that came together only the newest is told; without any the answer is as ever")
    func keepsNewest() async throws {
        let progress = try (0..<100).map { try self.loading("local/m", $0) }
        let first = ScriptedProvider(.local) { request in
            for update in progress { request.progress?.report(update) }
            return .answer([[.textDelta("a"), .finished(.stop)]])
        }
        try await Gateway.with(first) { gateway in
            let (messages, _) = try await gateway.stream(.asking("hi") { $0.includeProgress = true })
            let told = messages.filter { if case .progress = $0.event { true } else { false } }
            #expect(told.last?.progress.loadedBytes == 99)
            #expect(told.count < 100)
        }
        try await Gateway.with(ScriptedProvider(.local, saying: ["a"])) { gateway in
            let (messages, _) = try await gateway.stream(.asking("hi") { $0.includeProgress = true })
            #expect(messages.first?.started.model == "local/m")
        }
    }

    @Test("Who did not ask is not told; the record tells the wait all the same, and the tags")
    func isOptIn() async throws {
        let progress = try self.loading("local/m", 4)
        let provider = ScriptedProvider(.local) { request in
            request.progress?.report(progress)
            return .answer([[.textDelta("a"), .finished(.stop)]])
        }
        try await Gateway.with(provider) { gateway in
            let (messages, _) = try await gateway.stream(.asking("hi") { $0.tags = ["batch"] })
            #expect(messages.first?.started.model == "local/m")
            _ = try await gateway.generation.generate(.asking("hi"))
            _ = try await gateway.stream(.asking("hi") { $0.includeProgress = true })
            let records = gateway.records.records
            #expect(records.count == 3 && records.allSatisfy { $0.loadTime.map { $0 > .zero } == true })
            #expect(records.allSatisfy { $0.queueTime == nil && $0.cacheStatus == .none && $0.client == nil })
            #expect(records.map(\.tags) == [["batch"], [], []])
        }
        try await Gateway.with(ScriptedProvider(.local, saying: ["a"])) { gateway in
            _ = try await gateway.stream(.asking("hi"))
            #expect(gateway.records.records.first.map { $0.loadTime == nil } == true)
        }
    }

    @Test("A failure after progress is the same error, and another candidate still answers")
    func failsAfterProgress() async throws {
        let progress = try self.loading("a/m", 1)
        let failing = try provider("a") { request in
            request.progress?.report(progress)
            return .refuse(UpstreamFault(.insufficientMemory, "too large"))
        }
        try await Gateway.with(failing) { gateway in
            let (_, error) = try await gateway.stream(.asking("hi") { $0.includeProgress = true })
            #expect(error?.code == .failedPrecondition)
            #expect(try error?.errorInfo().reason == "INSUFFICIENT_MEMORY")
        }
        let next = try provider("b") { _ in .answer([[.textDelta("a"), .finished(.stop)]]) }
        try await Gateway.with(failing, next) { gateway in
            let (messages, error) = try await gateway.stream(
                .asking("hi", model: "all") { $0.includeProgress = true })
            #expect(error == nil)
            #expect(messages.last?.completed.attempts.map(\.model) == ["a/m", "b/m"])
        }
    }
}
