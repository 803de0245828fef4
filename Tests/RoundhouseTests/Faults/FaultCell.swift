import GRPCCore
import Inference
import Providers
import Routing
import TestSupport

@testable import Roundhouse

/// One fault on one wire with one way of recovery.
struct FaultCell: Sendable, Hashable, CustomStringConvertible {
    let wire: WireSample
    let fault: Fault
    let recovery: RecoveryMode

    /// What an upstream has to say; no word is in the prompt.
    static let words = ["Lorem", " ipsum", " dolor", " sit-amet", " consectetur", " adipiscing"]
    static let half = Array(Self.words.prefix(3))
    static let rest = Array(Self.words.dropFirst(3))
    /// What the second upstream says where what was sent may be declared void. As long.
    static let otherWords = ["Integer", " nec odio", " praesent", " libero", " sed cursus", " ante."]

    static func all(_ wires: [WireSample]) -> [FaultCell] {
        wires.flatMap { wire in
            Fault.allCases.flatMap { fault in
                RecoveryMode.allCases.map { FaultCell(wire: wire, fault: fault, recovery: $0) }
            }
        }
    }

    var description: String { "\(self.wire.name), \(self.fault.rawValue), \(self.recovery.rawValue)" }

    /// Asks a first upstream that has the fault, and a second one that is well.
    func outcome() async throws -> FaultOutcome {
        let records = RecordKeeper()
        let never = Gate()
        return try await FaultUpstream.run { request in
            if request.path.hasPrefix("/first/") {
                return self.fault.steps(self.wire, half: Self.half, rest: Self.rest, never: never)
            }
            if self.recovery == .restart { return Fault.healthy(self.wire, Self.otherWords, isStreamed: true) }
            // Goes on from what it is given, and says the same by itself.
            let begun = Self.words.count { request.text.contains($0) }
            return Fault.healthy(self.wire, Array(Self.words.dropFirst(begun)), isStreamed: true)
        } _: { upstream in
            let gateway = try FaultyGateway(
                self.wire,
                [
                    .init(baseURL: upstream.baseURL("first"), timeouts: self.fault.timeouts),
                    .init(baseURL: upstream.baseURL("second")),
                ],
                recorder: records)
            let told = await gateway.ask(recovery: self.recovery)
            gateway.shutdown()
            return FaultOutcome(
                cell: self, told: told, records: records.records, inFlight: gateway.inFlight,
                openCount: await upstream.settle(to: 0))
        }
    }
}

/// How it went.
struct FaultOutcome: Sendable {
    let cell: FaultCell
    let told: Told
    let records: [RequestRecord]
    let inFlight: Int
    let openCount: Int

    private var attempts: [Attempt] { self.records.first?.attempts ?? [] }

    /// What the first attempt is recorded with; empty when it answered.
    var reason: String { self.attempts.first?.fault?.reason ?? "" }

    /// In a few words, for the table.
    var summary: String {
        if let failure = self.told.failure {
            return "`\(failure.code.name)`, `\(failure.reason)`, after \(self.told.text.utf8.count) bytes"
        }
        if self.attempts.count == 1 { return "whole, by itself" }
        if self.told.supersededCount > 0 { return "declared void, then whole from the next" }
        if self.told.continuedCount > 0 {
            return self.cell.recovery == .align
                ? "the next says the same and goes on, whole" : "the next goes on, whole"
        }
        return "the next answers, unseen"
    }

    /// What must hold for every fault, and does not.
    var violations: [String] {
        var found: [String] = []
        func check(_ isRight: Bool, _ what: @autoclosure () -> String) {
            if !isRight { found.append("\(self.cell): \(what())") }
        }
        let told = self.told
        check(!told.isStrangelyEnded, "the error was none of ours")
        check(told.completions.count == (told.isOK ? 1 : 0), "\(told.completions.count) times completed")
        check(told.isCompletedLast == told.isOK, "completed, but not last")
        let isOther = self.cell.recovery == .restart && self.attempts.count > 1
        let whole = (isOther ? FaultCell.otherWords : FaultCell.words).joined()
        check(!told.isOK || told.text == whole, "OK, but the text is '\(told.text.prefix(200))'")
        check(whole.hasPrefix(told.text), "the text is no beginning of the answer: '\(told.text.prefix(200))'")
        // An attempt fails when its time is up, whatever the upstream does, and no other fault takes as long.
        check(told.took < .seconds(15), "took \(told.took)")
        check(self.reason == self.cell.fault.expectedReason, "recorded as '\(self.reason)'")
        check(self.inFlight == 0, "\(self.inFlight) in flight afterwards")
        check(self.openCount == 0, "\(self.openCount) connections open afterwards")
        self.checkRecovery(check)
        self.checkRecord(check)
        return found
    }

    private func checkRecovery(_ check: (Bool, @autoclosure () -> String) -> Void) {
        let fault = self.cell.fault
        let attemptCount = fault.isHarmless || (fault.isAfterOutput && self.cell.recovery == .fail) ? 1 : 2
        check(self.attempts.count == attemptCount, "\(self.attempts.count) attempts")
        let isLost = fault.isAfterOutput && self.cell.recovery == .fail
        check(self.told.isOK == !isLost, "\(self.told.failure?.message ?? "OK")")
        let shows = fault.isAfterOutput ? self.cell.recovery : nil
        check(self.told.supersededCount == (shows == .restart ? 1 : 0), "superseded \(self.told.supersededCount) times")
        let continuedCount = shows == .continue || shows == .align ? 1 : 0
        check(self.told.continuedCount == continuedCount, "continued \(self.told.continuedCount) times")
        guard isLost, case .interrupted(_, let sent) = self.told.failure?.cause else { return }
        check(sent.textBytes == self.told.text.utf8.count, "said to have sent \(sent.textBytes) bytes")
    }

    private func checkRecord(_ check: (Bool, @autoclosure () -> String) -> Void) {
        guard let record = self.records.first, self.records.count == 1 else {
            return check(false, "\(self.records.count) records")
        }
        check(record.status == (self.told.failure?.code.name ?? "OK"), "the record says \(record.status)")
        check((record.usage?.outputTokens ?? 0) > 0, "no usage in the record")
        check((record.cost?.nanoUSD ?? 0) > 0, "no cost in the record")
        check(
            (record.finishReason == .stop) == self.told.isOK, "finished with \(String(describing: record.finishReason))"
        )
        if self.cell.fault.isAfterOutput {
            check((record.attempts.first?.usage?.outputTokens ?? 0) > 0, "no usage of the attempt that failed")
        }
        if self.told.isOK, record.attempts.count == 2, self.cell.recovery != .continue || self.told.continuedCount == 0
        {
            check(
                record.usage?.isEstimated == false && record.usage?.outputTokens == 7,
                "usage \(String(describing: record.usage))")
        }
    }
}

extension Fault {
    /// Short where silence is the fault, and long where it is not: a busy machine must not look like one.
    var timeouts: HTTPTimeouts {
        var timeouts = HTTPTimeouts()
        timeouts.connect = .seconds(10)
        timeouts.firstToken = .seconds(10)
        timeouts.idle = .seconds(10)
        timeouts.total = .seconds(12)
        switch self {
        case .silenceBeforeHeaders, .silenceBeforeFirstToken, .commentsOnly: timeouts.firstToken = .milliseconds(300)
        case .silenceInAnswer: timeouts.idle = .milliseconds(500)
        default: break
        }
        return timeouts
    }

    /// ``UpstreamFault/reason`` of the attempt; empty when it answers.
    var expectedReason: String {
        switch self {
        case .status429, .status429RetryAfter: "rate_limited"
        case .status500, .errorInside200, .errorInAnswer: "server_error"
        case .status503RetryAfter: "overloaded"
        case .status401: "authentication_failed"
        case .status404: "model_not_found"
        case .refusal: "unreachable"
        case .silenceBeforeHeaders, .silenceBeforeFirstToken, .commentsOnly: "timed_out_first_token"
        case .silenceInAnswer: "timed_out_idle"
        case .resetAfterHeaders, .resetInAnswer, .closeInAnswer, .missingTerminator, .emptyAnswer, .wrongLength:
            "truncated"
        case .garbageFirst, .garbageInAnswer, .hugeLine, .wrongEncoding, .notHTTP, .page: "malformed"
        case .slowDrip: ""
        }
    }
}
