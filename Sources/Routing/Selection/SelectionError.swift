public import Inference

/// Names that belong to those who might have answered a request.
public enum Candidates {
    /// Left out because it cannot answer now, with the reason: part of the request's attempts, so that `completed` and
    /// errors tell why it was not asked.
    public struct Unavailable: Sendable, Hashable {
        public var model: ModelID
        /// A clause: `provider 'x' is not running`.
        public var reason: String

        public init(model: ModelID, reason: String) {
            self.model = model
            self.reason = reason
        }
    }

    /// A model that is not what the request requires.
    public struct Unmet: Sendable, Hashable {
        public var model: ModelID
        /// Everything that it does not fulfil; never empty.
        public var rejections: [Rejection]

        public init(model: ModelID, rejections: [Rejection]) {
            self.model = model
            self.rejections = rejections
        }
    }
}

/// Why nobody may answer a request.
public enum SelectionError: Error, Sendable, Hashable {
    /// The id or alias that was asked for does not exist.
    case modelNotFound(requested: String)
    /// Something exists that is what the request requires, but nothing of it can answer now: another moment may be
    /// better. Empty when nothing is configured at all.
    case nobodyReady([Candidates.Unavailable])
    /// Nothing of what was asked for is what the request requires: at most 32 of them, those that lack least first. No
    /// other moment is better.
    case requirementsNotMet([Candidates.Unmet])
    /// The request names a strategy that does not exist.
    case unknownStrategy(String, known: [String])
}
