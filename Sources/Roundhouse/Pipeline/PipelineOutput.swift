internal import Inference
internal import Routing

/// What the pipeline gives to whoever asked.
enum PipelineOutput: Sendable {
    /// Before ``started(_:)``, and only when it was asked for.
    case progress(LoadProgress)
    /// Once for each attempt that answers.
    case started(Started)
    /// Everything is void that an attempt, counted from 1, said. Another ``started(_:)`` follows.
    case superseded(attempt: Int, fault: UpstreamFault)
    /// Only deltas: ``InferenceEvent/isOutput``.
    case delta(InferenceEvent)
    case completed(Completion)

    /// An upstream begins to answer.
    struct Started: Sendable {
        var model: ModelID
        /// From 1.
        var attempt: Int
        /// Whether it goes on from what was sent before.
        var continues: Bool
        /// Why it was chosen, when that was asked for.
        var explanation: RouteExplanation?
    }
}

/// How a whole answer ended and what it took.
struct Completion: Sendable, Hashable {
    var finishReason: FinishReason
    var usage: Usage
    /// Of all attempts together; `nil` when no price is known.
    var cost: Cost?
    /// Who gave the end of the answer.
    var model: ModelID?
    /// Everyone who was asked, the one who answered last.
    var attempts: [Attempt]
    var firstTokenLatency: Duration?
    var latency: Duration
    /// Whether it came from the upstream call of an identical request.
    var isShared = false
}
