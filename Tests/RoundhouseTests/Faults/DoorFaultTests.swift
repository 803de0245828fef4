import Inference
import TestSupport
import Testing

@testable import Roundhouse

extension FaultTests {
    /// `FaultMatrixTests` puts what is seen here into the table.
    @Suite("Every fault on every wire through /v1")
    struct DoorFaultTests {
        /// Once for all tests. Most of them wait most of the time.
        static let outcomes = Task {
            try await inParallel(24, DoorCell.all(WireSample.all)) { try await $0.outcome() }
        }

        @Test("No fault hangs a stream, and none has an answer that is cut look whole", arguments: WireSample.all)
        func invariants(_ wire: WireSample) async throws {
            let outcomes = try await Self.outcomes.value.filter { $0.cell.wire == wire }
            #expect(outcomes.count == Fault.allCases.count * 2)
            let violations = outcomes.flatMap(\.violations)
            #expect(violations.isEmpty, "\(violations.joined(separator: "\n"))")
        }
    }
}

/// One fault on one wire, met by a client of `/v1/chat/completions`.
struct DoorCell: Sendable, Hashable, CustomStringConvertible {
    let wire: WireSample
    let fault: Fault
    /// Nobody else can be asked.
    let isAlone: Bool

    static func all(_ wires: [WireSample]) -> [DoorCell] {
        wires.flatMap { wire in
            Fault.allCases.flatMap { fault in
                [false, true].map { DoorCell(wire: wire, fault: fault, isAlone: $0) }
            }
        }
    }

    var description: String { "\(self.wire.name), \(self.fault.rawValue)\(self.isAlone ? ", alone" : "")" }

    func outcome() async throws -> DoorOutcome {
        let records = RecordKeeper()
        let never = Gate()
        return try await FaultUpstream.run { request in
            request.path.hasPrefix("/first/")
                ? self.fault.steps(self.wire, half: FaultCell.half, rest: FaultCell.rest, never: never)
                : Fault.healthy(self.wire, FaultCell.words, isStreamed: true)
        } _: { upstream in
            let first = FaultyGateway.Upstream(baseURL: upstream.baseURL("first"), timeouts: self.fault.timeouts)
            let second = FaultyGateway.Upstream(baseURL: upstream.baseURL("second"))
            let gateway = try FaultyGateway(self.wire, self.isAlone ? [first] : [first, second], recorder: records)
            let routes = OpenAIGenerationRoutes(
                generation: OpenAIGeneration(
                    pipeline: gateway.pipeline, streams: .init(), passesExtraFields: { _ in true }),
                bodyLimits: BodyLimits(bytes: 1 << 20, time: .seconds(30)))
            let begin = ContinuousClock.now
            let stream = try await HTTPPort.with([routes]) { http in
                let connection = try http.connect()
                try connection.send(
                    OpenAIDoor.head(OpenAIDoor.chat, OpenAIDoor.body(#","max_tokens":100"#, isStreamed: true)))
                let stream = StreamReading(connection)
                await stream.read()
                return SeenStream(stream, took: begin.duration(to: .now))
            }
            gateway.shutdown()
            return DoorOutcome(
                cell: self, seen: stream, records: records.records, inFlight: gateway.inFlight,
                openCount: await upstream.settle(to: 0))
        }
    }
}

/// What a client has of a stream.
struct SeenStream: Sendable {
    var status: Int
    var text: String
    var errorCode: String?
    var hasReason: Bool
    var isDone: Bool
    var isTerminated: Bool
    var isClosed: Bool
    var took: Duration

    init(_ stream: StreamReading, took: Duration) {
        let chunks = (try? stream.chunks()) ?? []
        self.status = stream.status
        self.text = chunks.compactMap { $0.choices?.first?.delta?.content }.joined()
        let error = chunks.compactMap(\.error).first ?? (try? ChatChunk(stream.body))?.error
        self.errorCode = error?.code
        self.hasReason = chunks.contains { $0.choices?.first?.finish_reason != nil }
        self.isDone = stream.events.contains("[DONE]")
        self.isTerminated = stream.isTerminated
        self.isClosed = stream.isClosed
        self.took = took
    }
}

struct DoorOutcome: Sendable {
    let cell: DoorCell
    let seen: SeenStream
    let records: [RequestRecord]
    let inFlight: Int
    let openCount: Int

    /// In a few words, for the table.
    var summary: String {
        let seen = self.seen
        if seen.isDone { return self.records.first?.attempts.count == 1 ? "whole, by itself" : "whole" }
        let code = "`\(seen.errorCode ?? "")`"
        if seen.status != 200 { return "\(seen.status), \(code)" }
        return "after \(seen.text.utf8.count) bytes an error event, \(code), and closed"
    }

    /// What must hold for every fault, and does not.
    var violations: [String] {
        var found: [String] = []
        func check(_ isRight: Bool, _ what: @autoclosure () -> String) {
            if !isRight { found.append("\(self.cell): \(what()): \(self.seen)") }
        }
        let (seen, fault) = (self.seen, self.cell.fault)
        let whole = FaultCell.words.joined()
        let isLost = self.cell.isAlone && !fault.isHarmless
        check(seen.took < .seconds(15), "took too long")
        check(seen.isDone == !isLost, isLost ? "passed for an answer" : "no answer")
        check(!seen.isDone || (seen.text == whole && seen.status == 200 && seen.hasReason), "done, but not whole")
        check(seen.isDone || !seen.hasReason, "a reason without an end")
        check(whole.hasPrefix(seen.text), "the text is no beginning of the answer")
        check(seen.isDone == (seen.errorCode == nil), "an end and an error, or none of both")
        if isLost {
            check((seen.status == 200) == fault.isAfterOutput, "the wrong status")
            check(seen.isTerminated == !fault.isAfterOutput, "the wrong end of the body")
            check(seen.isClosed == fault.isAfterOutput, "closed, or not")
        } else {
            check(seen.isTerminated && !seen.isClosed, "the body has no end")
        }
        check(self.records.count == 1 && (self.records.first?.status == "OK") == seen.isDone, "the wrong record")
        check(self.inFlight == 0, "\(self.inFlight) in flight afterwards")
        check(self.openCount == 0, "\(self.openCount) connections open afterwards")
        return found
    }
}
