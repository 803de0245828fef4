import Inference
import ModelRegistry
import Synchronization
import Testing

@testable import Routing

/// Random numbers that are the same in every run: a failure can be looked at again.
struct Dice: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: Int) {
        self.state = UInt64(bitPattern: Int64(seed))
    }

    mutating func next() -> UInt64 {
        self.state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    mutating func one<Element>(of elements: [Element]) -> Element {
        elements[Int.random(in: elements.indices, using: &self)]
    }
    mutating func happens(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }
}

/// Time that stands still until it is moved, or until somebody sleeps.
final class SteppedTime: Sendable {
    private struct State {
        var elapsed = Duration.zero
        var next = 0
        var sleepers: [Int: (due: Duration, continuation: CheckedContinuation<Void, any Error>)] = [:]
        var slept: [Duration] = []
    }

    let start = ContinuousClock.now
    /// Whether sleeping moves the time and takes none.
    private let jumps: Bool
    private let state = Mutex(State())

    init(jumps: Bool = false) {
        self.jumps = jumps
    }

    var routing: RoutingTime {
        RoutingTime(now: { self.now }, sleep: { try await self.sleep($0) })
    }

    var now: ContinuousClock.Instant { self.start + self.state.withLock { $0.elapsed } }
    var elapsed: Duration { self.state.withLock { $0.elapsed } }
    var sleeperCount: Int { self.state.withLock { $0.sleepers.count } }
    /// Every duration that somebody slept or sleeps for.
    var slept: [Duration] { self.state.withLock { $0.slept } }

    func advance(by duration: Duration) {
        let due = self.state.withLock { state in
            state.elapsed += duration
            let due = state.sleepers.filter { $0.value.due <= state.elapsed }
            for id in due.keys { state.sleepers[id] = nil }
            return due.values.map(\.continuation)
        }
        for continuation in due { continuation.resume() }
    }

    private func sleep(_ duration: Duration) async throws {
        if self.jumps {
            try Task.checkCancellation()
            self.state.withLock { state in
                state.slept.append(duration)
                state.elapsed += duration
            }
            return
        }
        let id = self.state.withLock { state in
            state.next += 1
            return state.next
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let isCancelled = self.state.withLock { state in
                    state.slept.append(duration)
                    guard !Task.isCancelled else { return true }
                    state.sleepers[id] = (state.elapsed + duration, continuation)
                    return false
                }
                if isCancelled { continuation.resume(throwing: CancellationError()) }
            }
        } onCancel: {
            self.state.withLock { $0.sleepers.removeValue(forKey: id) }?.continuation.resume(
                throwing: CancellationError())
        }
    }
}

/// Gives other tasks their turn until the condition holds. Suites that use it carry a time limit.
func untilTrue(_ condition: () -> Bool) async {
    while !condition() { await Task.yield() }
}

final class EventKeeper: EventRecorder {
    private let kept = Mutex<[GatewayEvent]>([])
    var events: [GatewayEvent] { self.kept.withLock { $0 } }
    func record(_ event: GatewayEvent) { self.kept.withLock { $0.append(event) } }
}

func modelID(_ text: String) throws -> ModelID { try #require(ModelID(text)) }

/// Candidates by a line such as `a/one b/two:8000 b/three+`: a context length after the colon, `+` for prefill.
func candidates(_ line: String, in figures: RoutingFigures = RoutingFigures()) throws -> [Candidate] {
    try line.split(separator: " ").map { word in
        let parts = word.split(separator: ":")
        let prefills = word.hasSuffix("+")
        let id = try modelID(parts[0].filter { $0 != "+" })
        let length = parts.count > 1 ? Int(parts[1].filter { $0 != "+" }) : nil
        let capabilities: Set<Capability> = prefills ? [.chat, .streaming, .prefill] : [.chat, .streaming]
        return Candidate(
            model: ModelDescription(id: id, capabilities: capabilities, contextLength: length), figures: figures[id])
    }
}

extension UpstreamFault {
    /// What may come of asking: that an answer is another one than what was sent is found later.
    static let everyKind: [Kind] = [
        .rateLimited(retryAfter: nil), .rateLimited(retryAfter: .seconds(1)), .overloaded(retryAfter: nil),
        .overloaded(retryAfter: .seconds(2)), .serverError, .unreachable, .timedOut(.connect), .timedOut(.firstToken),
        .timedOut(.idle), .timedOut(.total), .truncated, .malformed, .contextLengthExceeded, .contentFiltered,
        .authenticationFailed, .modelNotFound, .invalidRequest, .unsupported, .queueFull, .insufficientMemory,
        .cancelled,
    ]
}
