public import ModelRegistry

/// A model that may answer a request, with what was seen of it lately.
public struct RouteCandidate: Sendable {
    public let model: ModelDescription
    public let figures: ModelFigures

    public init(model: ModelDescription, figures: ModelFigures) {
        self.model = model
        self.figures = figures
    }
}

/// What choosing hands to asking: who may answer, in the order of asking, and who was left out.
public struct RouteChoice: Sendable {
    public var candidates: [RouteCandidate]
    public var unavailable: [Candidates.Unavailable]
    /// The beginnings of the prompt, to be remembered with who answers.
    var prefix: PromptPrefix?

    public init(candidates: [RouteCandidate], unavailable: [Candidates.Unavailable] = []) {
        self.candidates = candidates
        self.unavailable = unavailable
    }

    init(_ decision: RouteDecision, prefix: PromptPrefix?) {
        self.init(
            candidates: decision.candidates.map { RouteCandidate(model: $0.model, figures: $0.figures) },
            unavailable: decision.unavailable)
        self.prefix = prefix
    }
}
