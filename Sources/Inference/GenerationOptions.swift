/// A function that a model may ask to have called.
public struct Tool: Sendable, Hashable {
    /// 1-64 characters of letters, digits, `_` and `-`.
    public var name: String
    /// What it does, for the model. May be empty.
    public var description: String
    /// A JSON Schema (an object) of its arguments, as text that is valid JSON. Empty: it takes none.
    public var parametersJSON: String
    /// Whether the upstream is to hold the model to the schema; `nil`: its default.
    public var isStrict: Bool?

    public init(name: String, description: String = "", parametersJSON: String = "", isStrict: Bool? = nil) {
        self.name = name
        self.description = description
        self.parametersJSON = parametersJSON
        self.isStrict = isStrict
    }
}

/// Whether a model must, may or must not have tools called.
public enum ToolChoice: Sendable, Hashable {
    /// The model decides.
    case automatic
    case none
    /// At least one.
    case required
    /// This one.
    case tool(String)
}

/// What form an answer must have.
public enum ResponseFormat: Sendable, Hashable {
    case text
    /// Any JSON object.
    case jsonObject
    case jsonSchema(JSONSchema)
}

/// The schema that an answer must fulfil.
public struct JSONSchema: Sendable, Hashable {
    /// 1-64 characters of letters, digits, `_` and `-`.
    public var name: String
    public var description: String
    /// A JSON Schema (an object) as text that is valid JSON.
    public var schemaJSON: String
    /// Whether the upstream is to hold the model to it; `nil`: its default.
    public var isStrict: Bool?

    public init(name: String, description: String = "", schemaJSON: String, isStrict: Bool? = nil) {
        self.name = name
        self.description = description
        self.schemaJSON = schemaJSON
        self.isStrict = isStrict
    }
}

/// How much a model may think before it answers.
public struct ReasoningOptions: Sendable, Hashable {
    /// `nil`: not said.
    public var effort: Effort?
    /// At most so many tokens of thoughts, where the upstream counts them; `nil`: not said. At least 1.
    public var maxTokens: Int?

    public init(effort: Effort? = nil, maxTokens: Int? = nil) {
        self.effort = effort
        self.maxTokens = maxTokens
    }

    public enum Effort: String, Sendable, Hashable, CaseIterable {
        case none, minimal, low, medium, high
    }
}

/// What is to be told of the probabilities of an answer's tokens.
public struct LogprobOptions: Sendable, Hashable {
    /// How many of the most probable tokens are named at each place beside the one that was taken: 0...20.
    public var topCount: Int

    public init(topCount: Int = 0) {
        self.topCount = topCount
    }
}

/// A field of a request that is passed on without being understood.
public struct ExtraField: Sendable, Hashable {
    /// The key at the top of the request's object.
    public var name: String
    /// Its value, as text that is valid JSON.
    public var json: String

    public init(name: String, json: String) {
        self.name = name
        self.json = json
    }
}

/// Who may answer a request, and what is done when somebody fails.
public struct RoutingOptions: Sendable, Hashable {
    public var requirements: ModelRequirements
    /// How candidates are ordered: the name of a selection strategy; `nil`: what a rule or the configuration says.
    public var strategy: String?
    public var recovery: RecoveryMode
    /// How much of an answer's beginning is kept back, so that a failure in it can be hidden by a fresh attempt; `nil`:
    /// nothing is.
    public var holdBack: HoldBack?
    public var priority: RequestPriority
    /// The client's labels that rules look at.
    public var tags: [String]
    /// Whether the request may share the upstream call of an identical one in flight; `nil`: as configured.
    public var allowsSharing: Bool?
    /// Whether the client wants to know why who was chosen.
    public var wantsExplanation: Bool

    public init(
        requirements: ModelRequirements = ModelRequirements(),
        strategy: String? = nil,
        recovery: RecoveryMode = .fail,
        holdBack: HoldBack? = nil,
        priority: RequestPriority = .normal,
        tags: [String] = [],
        allowsSharing: Bool? = nil,
        wantsExplanation: Bool = false
    ) {
        self.requirements = requirements
        self.strategy = strategy
        self.recovery = recovery
        self.holdBack = holdBack
        self.priority = priority
        self.tags = tags
        self.allowsSharing = allowsSharing
        self.wantsExplanation = wantsExplanation
    }
}

/// What is done when an upstream fails after output was sent.
public enum RecoveryMode: String, Sendable, Hashable, CaseIterable {
    /// The request fails, and its status tells how much was sent.
    case fail
    /// What was sent is declared void, and the next candidate begins anew.
    case restart
    /// The next candidate that can goes on from the text that was sent.
    case `continue`
    /// For clients that cannot be told that what they have is void: a fresh attempt whose text begins with what was sent
    /// goes on seamlessly; when it differs, the next candidate that can goes on as with ``continue``; else the request
    /// fails.
    case align
}

/// How much of an answer's beginning is kept back. What is reached first ends it; with neither set nothing is kept back.
public struct HoldBack: Sendable, Hashable {
    /// So many characters of text, thoughts and arguments of calls, at least 1; `nil`: as many as come in the time.
    public var characters: Int?
    /// So long from the first output on; `nil`: as long as it takes.
    public var duration: Duration?

    public init(characters: Int? = nil, duration: Duration? = nil) {
        self.characters = characters
        self.duration = duration
    }
}

/// How urgent a request is. Rules look at it.
public enum RequestPriority: String, Sendable, Hashable, CaseIterable {
    case low, normal, high, critical
}

/// What a model must be to answer a request. What is not said excludes nobody.
public struct ModelRequirements: Sendable, Hashable {
    /// What is to come out of it; `nil`: what the call implies, text or embeddings.
    public var task: ModelCategory?
    /// Beside those that the request itself implies: see ``InferenceRequest/impliedCapabilities``.
    public var capabilities: Set<Capability>
    /// Tokens of context at least. Models whose context is not known do not fulfil it.
    public var minContextLength: Int?
    /// The dearer of a model's two prices, in nano-USD for a million tokens, may be this at most. Models without known
    /// prices do not fulfil it.
    public var maxPricePerMillionTokens: Int64?
    /// The request may cost this at most, in nano-USD: by the estimated tokens of the prompt and `max_output_tokens`
    /// (the model's longest answer when that is not set).
    public var maxCostNanoUSD: Int64?
    /// 0...1
    public var minQualityScore: Double?
    /// 0...1
    public var minSafetyScore: Double?
    /// The time to the first token that is to be expected, from what was measured lately or by a profile. Models of which
    /// nothing is known are taken to fulfil it.
    public var maxLatency: Duration?
    public var freeOnly: Bool
    /// Only models on this machine or of a provider on it.
    public var localOnly: Bool
    /// When not empty, only these.
    public var allowedProviders: [ProviderID]
    public var deniedProviders: [ProviderID]
    /// Every one of these must be among the model's tags.
    public var tags: [String]

    public init(
        task: ModelCategory? = nil,
        capabilities: Set<Capability> = [],
        minContextLength: Int? = nil,
        maxPricePerMillionTokens: Int64? = nil,
        maxCostNanoUSD: Int64? = nil,
        minQualityScore: Double? = nil,
        minSafetyScore: Double? = nil,
        maxLatency: Duration? = nil,
        freeOnly: Bool = false,
        localOnly: Bool = false,
        allowedProviders: [ProviderID] = [],
        deniedProviders: [ProviderID] = [],
        tags: [String] = []
    ) {
        self.task = task
        self.capabilities = capabilities
        self.minContextLength = minContextLength
        self.maxPricePerMillionTokens = maxPricePerMillionTokens
        self.maxCostNanoUSD = maxCostNanoUSD
        self.minQualityScore = minQualityScore
        self.minSafetyScore = minSafetyScore
        self.maxLatency = maxLatency
        self.freeOnly = freeOnly
        self.localOnly = localOnly
        self.allowedProviders = allowedProviders
        self.deniedProviders = deniedProviders
        self.tags = tags
    }
}

extension InferenceRequest {
    /// What a model must be able to do for this request, whatever else is required of it.
    public var impliedCapabilities: Set<Capability> {
        var implied: Set<Capability> = []
        if !self.tools.isEmpty { implied.insert(.tools) }
        if case .jsonSchema = self.responseFormat { implied.insert(.jsonSchema) }
        for message in self.messages {
            for part in message.parts {
                switch part {
                case .image: implied.insert(.vision)
                case .toolCall, .toolResult: implied.insert(.tools)
                case .text, .reasoning: break
                }
            }
        }
        return implied
    }
}
