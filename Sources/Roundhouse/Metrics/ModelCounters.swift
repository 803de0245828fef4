internal import Inference
internal import Telemetry

/// What the page shows of a model, or of several together. It only grows.
struct ModelCounters: Sendable, Equatable {
    /// By ``OutcomeClass``.
    var requests = [Int64](repeating: 0, count: OutcomeClass.allCases.count)
    var attempts = [Int64](repeating: 0, count: OutcomeClass.allCases.count)
    /// By ``MetricCounts/Field``, in its order.
    var fields = [Int64](repeating: 0, count: MetricCounts.Field.allCases.count)
    var duration = BoundedHistogram(.answers)
    var firstToken = BoundedHistogram(.firstToken)
    var interToken = BoundedHistogram(.interToken)
    var queue = BoundedHistogram(.firstToken)

    init() {}

    init(_ figures: MetricFigures) {
        self.requests = OutcomeClass.allCases.map { figures.counts[$0] }
        self.attempts = OutcomeClass.allCases.map { figures.counts.attempts($0) }
        self.fields = MetricCounts.Field.allCases.map { figures.counts[$0] }
        self.duration = BoundedHistogram(figures.total, .answers)
        self.firstToken = BoundedHistogram(figures.firstToken, .firstToken)
        self.interToken = BoundedHistogram(figures.interToken, .interToken)
        self.queue = BoundedHistogram(figures.queue, .firstToken)
    }

    subscript(field: MetricCounts.Field) -> Int64 {
        MetricCounts.Field.allCases.firstIndex(of: field).map { self.fields[$0] } ?? 0
    }

    mutating func add(_ other: ModelCounters) {
        for place in self.requests.indices { self.requests[place].grow(by: other.requests[place]) }
        for place in self.attempts.indices { self.attempts[place].grow(by: other.attempts[place]) }
        for place in self.fields.indices { self.fields[place].grow(by: other.fields[place]) }
        self.duration.merge(other.duration)
        self.firstToken.merge(other.firstToken)
        self.interToken.merge(other.interToken)
        self.queue.merge(other.queue)
    }

    /// By how much each figure is above another's; 0 where it is not.
    func excess(over other: ModelCounters) -> ModelCounters {
        var rest = ModelCounters()
        rest.requests = zip(self.requests, other.requests).map { max(0, $0 - $1) }
        rest.attempts = zip(self.attempts, other.attempts).map { max(0, $0 - $1) }
        rest.fields = zip(self.fields, other.fields).map { max(0, $0 - $1) }
        rest.duration = self.duration.excess(over: other.duration)
        rest.firstToken = self.firstToken.excess(over: other.firstToken)
        rest.interToken = self.interToken.excess(over: other.interToken)
        rest.queue = self.queue.excess(over: other.queue)
        return rest
    }
}

/// Keeps a sum from falling when one of its parts leaves it: a model that is registered and counts by itself from then on,
/// or one whose figures are forgotten. To Prometheus a counter that falls has begun anew, and it would count all of it
/// twice.
struct GrowingCounters: Sendable {
    private var last = ModelCounters()
    /// What left.
    private var gone = ModelCounters()

    /// What is to be shown of a sum that stands so now.
    mutating func next(_ now: ModelCounters) -> ModelCounters {
        self.gone.add(self.last.excess(over: now))
        self.last = now
        var shown = now
        shown.add(self.gone)
        return shown
    }
}

extension Int64 {
    fileprivate mutating func grow(by other: Int64) {
        let (sum, overflows) = self.addingReportingOverflow(other)
        self = overflows ? .max : sum
    }
}
