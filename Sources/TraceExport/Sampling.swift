public import Inference

/// Which traces are recorded, by the names of OpenTelemetry.
public struct Sampling: Sendable, Hashable {
    /// For traces that begin here, or for all when ``asksParent`` is false: 0 none, 1 all.
    public var ratio: Double
    /// Whether a caller's decision holds.
    public var asksParent: Bool

    public init(ratio: Double = 1, asksParent: Bool = true) {
        self.ratio = min(max(ratio, 0), 1)
        self.asksParent = asksParent
    }

    /// Whether a span is recorded. The same for all who see the trace with the same ratio.
    public func isSampled(_ traceID: TraceID, parent: TraceContext?) -> Bool {
        if self.asksParent, let parent { return parent.isSampled }
        if self.ratio >= 1 { return true }
        // The lower 56 bits are the random ones (Trace Context, level 2).
        return Double(traceID.low & 0x00FF_FFFF_FFFF_FFFF) < self.ratio * Double(1 << 56)
    }
}

/// Makes ids: unique across processes, not secret, without a system call on the hot path.
public struct TraceIDSource: Sendable {
    private var state: UInt64

    public init(seed: UInt64) { self.state = seed }

    public init() { self.init(seed: .random(in: .min ... .max)) }

    public mutating func traceID() -> TraceID {
        while true {
            if let id = TraceID(high: self.next(), low: self.next()) { return id }
        }
    }

    public mutating func spanID() -> SpanID {
        while true {
            if let id = SpanID(self.next()) { return id }
        }
    }

    /// SplitMix64.
    private mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
