public import Inference

/// What of a request decides who may answer it.
public struct SelectionRequest: Sendable {
    public var target: InferenceRequest.Target
    /// What a model must be, beside what the request itself needs.
    public var requirements: ModelRequirements
    /// What the call is for: ``ModelCategory/text`` or ``ModelCategory/embedding``. ``ModelRequirements/task`` overrides
    /// it.
    public var impliedTask: ModelCategory
    /// What the request itself needs, beside ``ModelRequirements/capabilities``.
    public var impliedCapabilities: Set<Capability>
    /// The name of a ``SelectionStrategy``; `nil`: what a rule or the configuration says.
    public var strategy: String?
    public var priority: RequestPriority
    /// Rules look at them.
    public var tags: [String]
    /// Tokens that the prompt is taken to have.
    public var estimatedInputTokens: Int
    /// The longest answer that the client accepts, in tokens; `nil`: not said.
    public var maxOutputTokens: Int?
    /// The beginnings of the prompt, for finding a local engine that has one of them in its cache; `nil`: no matter.
    public var prefix: PromptPrefix?

    public init(
        target: InferenceRequest.Target,
        requirements: ModelRequirements = ModelRequirements(),
        impliedTask: ModelCategory = .text,
        impliedCapabilities: Set<Capability> = [],
        strategy: String? = nil,
        priority: RequestPriority = .normal,
        tags: [String] = [],
        estimatedInputTokens: Int = 0,
        maxOutputTokens: Int? = nil,
        prefix: PromptPrefix? = nil
    ) {
        self.target = target
        self.requirements = requirements
        self.impliedTask = impliedTask
        self.impliedCapabilities = impliedCapabilities
        self.strategy = strategy
        self.priority = priority
        self.tags = tags
        self.estimatedInputTokens = estimatedInputTokens
        self.maxOutputTokens = maxOutputTokens
        self.prefix = prefix
    }

    /// What of a request for text decides. Its prompt is measured; ``prefix`` is not computed, see
    /// ``RouteSelector/request(for:)``.
    public init(_ request: InferenceRequest) {
        self.init(request, prefix: nil)
    }

    init(_ request: borrowing InferenceRequest, prefix: PromptPrefix?) {
        self.init(
            target: request.target,
            requirements: request.routing.requirements,
            impliedCapabilities: request.impliedCapabilities,
            strategy: request.routing.strategy,
            priority: request.routing.priority,
            tags: request.routing.tags,
            estimatedInputTokens: TokenEstimate.input(of: request),
            maxOutputTokens: request.sampling.maxOutputTokens,
            prefix: prefix
        )
    }

    /// What of a request for embeddings decides.
    public init(
        embedding inputs: [String], target: InferenceRequest.Target, routing: RoutingOptions = RoutingOptions()
    ) {
        self.init(
            target: target,
            requirements: routing.requirements,
            impliedTask: .embedding,
            strategy: routing.strategy,
            priority: routing.priority,
            tags: routing.tags,
            // Each text is read by itself: the longest decides whether it fits.
            estimatedInputTokens: inputs.reduce(0) { max($0, TokenEstimate.tokens(ofBytes: $1.utf8.count)) },
            maxOutputTokens: 0
        )
    }

    /// What is to come out of it.
    var task: ModelCategory { self.requirements.task ?? self.impliedTask }

    var capabilities: CapabilitySet {
        CapabilitySet(self.impliedCapabilities).union(CapabilitySet(self.requirements.capabilities))
    }
}

/// Guesses tokens from bytes: about four bytes a token, and four tokens around each message for the chat template.
package enum TokenEstimate {
    /// What a picture is taken to be, whatever its bytes: upstreams count between 85 and 1,600 for one.
    private static let image = 1_000

    package static func tokens(ofBytes bytes: Int) -> Int { (bytes + 3) / 4 }

    /// Of a whole prompt: messages, tools and the schema of the answer.
    package static func input(of request: InferenceRequest) -> Int {
        var bytes = 0
        for tool in request.tools {
            bytes += tool.name.utf8.count + tool.description.utf8.count + tool.parametersJSON.utf8.count
        }
        if case .jsonSchema(let schema) = request.responseFormat { bytes += schema.schemaJSON.utf8.count }
        return self.input(of: request.messages) + self.tokens(ofBytes: bytes)
    }

    package static func input(of messages: [Message]) -> Int {
        messages.reduce(0) { $0 + self.input(of: $1) }
    }

    private static func input(of message: Message) -> Int {
        var bytes = 0
        var images = 0
        for part in message.parts {
            switch part {
            case .text(let text): bytes += text.utf8.count
            case .image: images += 1
            case .toolCall(let call): bytes += call.name.utf8.count + call.argumentsJSON.utf8.count
            case .toolResult(let result): bytes += result.content.utf8.count
            case .reasoning(let reasoning): bytes += reasoning.text.utf8.count
            }
        }
        return self.tokens(ofBytes: bytes) + images * self.image + 4
    }
}
