internal import Synchronization
internal import Telemetry

/// Where the time of a generation goes, in the order of its way. See docs/Metrics.md, Phases.
enum RequestPhase: Int, Sendable, Hashable, CaseIterable {
    /// From the client's bytes to the request as a value: the hop to its event loop, protobuf, all checks.
    case decode
    /// From there to the choice of a model: shared calls, and the books of a request.
    case admit
    /// The choice, up to asking the first candidate.
    case route
    /// From handing the upstream's request in to sending it: waiting for a free connection, or opening one.
    case connect
    /// From sending it to the first byte of the answer: the upstream's and the network's, not ours.
    case firstByte
    /// From the first output, or the whole answer, to bytes on their way to the client.
    case encode

    /// For labels.
    var name: String {
        switch self {
        case .decode: "decode"
        case .admit: "admit"
        case .route: "route"
        case .connect: "connect"
        case .firstByte: "first_byte"
        case .encode: "encode"
        }
    }

    /// Whose time it is, for labels.
    var side: String { self == .firstByte ? "upstream" : "gateway" }
}

/// Counts how long phases take. Costs two relaxed additions each; no lock, no allocation.
final class PhaseFigures: Sendable {
    static let bounds = HistogramBounds.phases

    /// One phase. The count is the sum of the buckets, so that both always agree.
    private struct Counts: ~Copyable, Sendable {
        /// One for each bound, and those beyond the last.
        let buckets = InlineArray<16, Atomic<UInt64>> { _ in Atomic(0) }
        let nanoseconds = Atomic<UInt64>(0)
    }

    private let isCounting: Bool
    private let counts = InlineArray<6, Counts> { _ in Counts() }
    private let limits = PhaseFigures.bounds.seconds.map { Int64(($0 * 1e9).rounded()) }

    /// - Parameter isCounting: `false` leaves everything at 0.
    init(isCounting: Bool = true) {
        self.isCounting = isCounting
    }

    /// Adds one, which is 0 when the clock went backwards.
    func add(_ duration: Duration, to phase: RequestPhase) {
        guard self.isCounting else { return }
        let nanoseconds = duration.wholeNanoseconds
        var place = 0
        while place < self.limits.count, nanoseconds > self.limits[place] { place += 1 }
        self.counts[phase.rawValue].buckets[place].add(1, ordering: .relaxed)
        self.counts[phase.rawValue].nanoseconds.add(UInt64(nanoseconds), ordering: .relaxed)
    }

    /// What was counted of a phase since the start. The sum may lack what is added meanwhile.
    func reading(of phase: RequestPhase) -> PhaseReading {
        var reading = PhaseReading()
        for place in 0...self.limits.count {
            let count = self.counts[phase.rawValue].buckets[place].load(ordering: .relaxed)
            if place < self.limits.count { reading.counts[place] = count }
            reading.count += count
        }
        reading.seconds = Double(self.counts[phase.rawValue].nanoseconds.load(ordering: .relaxed)) / 1e9
        return reading
    }
}

/// How long a phase took, over all requests since the start.
struct PhaseReading: Sendable, Hashable {
    /// For each of ``PhaseFigures/bounds``, the values above the one before and up to it.
    var counts = [UInt64](repeating: 0, count: PhaseFigures.bounds.seconds.count)
    var count: UInt64 = 0
    /// Of all together.
    var seconds = 0.0
}

extension Duration {
    /// From 0 to the most that fit, which is 292 years.
    fileprivate var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = self.components
        guard seconds >= 0, attoseconds >= 0, seconds < Int64.max / 1_000_000_000 - 1 else {
            return seconds > 0 ? .max : 0
        }
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
