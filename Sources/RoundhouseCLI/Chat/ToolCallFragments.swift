internal import RoundhouseAPI

/// Puts tool calls together from their fragments, which may interleave.
struct ToolCallFragments: Sendable, Hashable {
    private var calls: [Int32: Roundhouse_V1_ToolCall] = [:]

    mutating func add(_ fragment: Roundhouse_V1_ToolCallDelta) {
        self.calls[fragment.index, default: .init()].id += fragment.id
        self.calls[fragment.index, default: .init()].name += fragment.name
        self.calls[fragment.index, default: .init()].argumentsJson += fragment.argumentsJson
    }

    /// By their place in the answer.
    var assembled: [Roundhouse_V1_ToolCall] {
        self.calls.sorted { $0.key < $1.key }.map(\.value)
    }
}
