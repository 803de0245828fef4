internal import Inference

extension InferenceEvent {
    /// Both events in one, when they are deltas of the same thing.
    func merged(with next: InferenceEvent) -> InferenceEvent? {
        switch (self, next) {
        case (.textDelta(let first), .textDelta(let second)):
            .textDelta(first + second)
        case (.reasoningDelta(let first), .reasoningDelta(let second)):
            .reasoningDelta(first + second)
        case (.refusalDelta(let first), .refusalDelta(let second)):
            .refusalDelta(first + second)
        case (.toolCallDelta(let first), .toolCallDelta(let second))
        where first.index == second.index && second.id == nil && second.name == nil:
            .toolCallDelta(
                ToolCallDelta(
                    index: first.index,
                    id: first.id,
                    name: first.name,
                    argumentsFragment: first.argumentsFragment + second.argumentsFragment,
                    signature: second.signature ?? first.signature
                )
            )
        default:
            nil
        }
    }
}
