public import Inference

/// Follows the attempts of one request while they run, for its trace. Called on the hot path, from any thread.
public protocol AttemptTracer: Sendable {
    /// An upstream is about to be asked.
    func began(_ model: ModelID, isHedge: Bool, at now: ContinuousClock.Instant) -> any AttemptSpan
}

/// One attempt in a trace.
public protocol AttemptSpan: Sendable {
    /// What the upstream is told.
    var context: TraceContext? { get }

    /// It gave its first output.
    func gaveOutput(at now: ContinuousClock.Instant)

    /// It is over. Called once.
    func ended(_ attempt: Attempt, at now: ContinuousClock.Instant)
}
