/// What a model can do.
public enum Capability: String, Sendable, Hashable, CaseIterable, Comparable, Codable {
    /// Multi-turn conversations.
    case chat
    /// Continues plain text.
    case completion
    /// Answers token by token.
    case streaming
    case tools
    case jsonSchema = "json_schema"
    case vision
    case reasoning
    case embeddings
    /// Goes on from a begun answer.
    case prefill

    public static func < (left: Capability, right: Capability) -> Bool {
        left.rawValue < right.rawValue
    }
}
