public import Inference
public import ModelRegistry

/// Who is asked, in which order, and why.
public struct RouteDecision: Sendable {
    /// What was asked for.
    public var target: InferenceRequest.Target
    /// How the candidates were ordered: the name of a strategy, ``namedModel`` or ``writtenOrder``.
    public var strategy: String
    /// The name of the rule that matched.
    public var rule: String?
    /// In the order of asking; never empty, at most ``mostCandidates``.
    public var candidates: [Candidate]
    /// Left out because they cannot answer now, with the reason. At most ``mostCandidates``.
    public var unavailable: [Candidates.Unavailable]
    /// Tokens that the prompt is taken to have.
    public var estimatedInputTokens: Int

    /// How many models are asked for a request: discovery may have found hundreds, and a request that so many failed has
    /// no chance with the next.
    public static let mostCandidates = 32
    /// ``strategy`` of a request that names its model.
    public static let namedModel = "named"
    /// ``strategy`` of an alias, or of a rule's pool, whose order somebody wrote down.
    public static let writtenOrder = "ordered"

    public init(
        target: InferenceRequest.Target,
        strategy: String,
        rule: String? = nil,
        candidates: [Candidate],
        unavailable: [Candidates.Unavailable] = [],
        estimatedInputTokens: Int = 0
    ) {
        self.target = target
        self.strategy = strategy
        self.rule = rule
        self.candidates = candidates
        self.unavailable = unavailable
        self.estimatedInputTokens = estimatedInputTokens
    }

    /// What was asked for: an id, an alias, or `auto`.
    public var requested: String { self.target.description }
}

/// A model that may be asked.
public struct Candidate: Sendable {
    /// By reference: descriptions are large, and most candidates are never asked.
    package let entry: RegistryEntry
    /// What was seen of it lately.
    public let figures: ModelFigures
    /// What the strategy made of it; smaller is asked first.
    public var score: Double
    /// Its engine is likely to have the prompt's beginning in its cache.
    public var hasAffinity: Bool
    /// As it was when the decision was made.
    public var availability: ProviderAvailability

    public init(
        model: ModelDescription,
        figures: ModelFigures,
        score: Double = 0,
        hasAffinity: Bool = false,
        availability: ProviderAvailability = .available
    ) {
        self.init(
            entry: RegistryEntry(model), figures: figures, score: score, hasAffinity: hasAffinity,
            availability: availability)
    }

    init(
        entry: RegistryEntry,
        figures: ModelFigures,
        score: Double,
        hasAffinity: Bool = false,
        availability: ProviderAvailability
    ) {
        self.entry = entry
        self.figures = figures
        self.score = score
        self.hasAffinity = hasAffinity
        self.availability = availability
    }

    public var model: ModelDescription { self.entry.model }
    public var id: ModelID { self.entry.model.id }
}

/// A decision as it would be made now, and why every other model would not be asked.
public struct RouteExplanation: Sendable {
    /// Its candidates may be empty: then ``rejected`` says why.
    public var decision: RouteDecision
    /// The decision's candidates.
    public var ranked: [CandidateExplanation]
    /// Everybody else, those that lack least first; at most ``mostRejected``.
    public var rejected: [CandidateExplanation]
    /// How many more there are than ``rejected`` lists.
    public var omitted: Int

    public static let mostRejected = 100
}

/// What is known of a candidate, or of one who is none.
public struct CandidateExplanation: Sendable {
    public var model: ModelID
    /// From 1; 0 when it is not asked.
    public var rank: Int
    /// ``Candidate/score``; 0 when it is not asked.
    public var score: Double
    /// Why it is not asked, or only after others. Clauses; their subject, the model, may be left out.
    public var reasons: [String]
    public var availability: ProviderAvailability
    /// `closed`, `open` or `half_open`.
    public var breaker: String
    public var inFlight: Int
    /// To the first token; `nil`: nothing is known.
    public var expectedLatency: Duration?
    /// 0...1; `nil`: nothing is known.
    public var successRate: Double?
    /// What the request costs at most, in nano-USD; `nil`: not known.
    public var estimatedCost: Int64?
    public var hasAffinity: Bool
}
