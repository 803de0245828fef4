/// What a model can do.
public enum Capability: String, Sendable, Hashable, CaseIterable, Comparable {
    case chat
    case streaming
    case tools
    case jsonSchema = "json_schema"
    case vision
    case reasoning
    case embeddings

    public static func < (left: Capability, right: Capability) -> Bool {
        left.rawValue < right.rawValue
    }
}
