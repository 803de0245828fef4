import Inference

/// Whether a model is asked to think, in the words of its generation, and what that makes of `max_tokens`.
struct AnthropicThinking: Sendable, Hashable {
    enum Mode: Sendable, Hashable {
        /// Nothing is said: the model's default holds.
        case unsaid
        case disabled
        /// `budget_tokens`: at most so many.
        case budget(Int)
        /// The model decides how much.
        ///
        /// - Parameter asksToShow: whether it must be asked to show its thoughts, which it would keep to itself.
        case adaptive(asksToShow: Bool)
    }

    private(set) var mode = Mode.unsaid
    /// `output_config.effort`.
    private(set) var effort: String?
    /// `max_tokens`, thoughts included.
    private(set) var maxTokens: Int

    /// The smallest `budget_tokens` that the API takes.
    static let minimumBudget = 1024

    /// - Throws: ``UpstreamFault/Kind/unsupported`` when the limits leave no room for thoughts.
    init(
        _ reasoning: ReasoningOptions?, form: AnthropicThinkingForm, limits: AnthropicLengthLimits
    ) throws(UpstreamFault) {
        self.maxTokens = limits.withoutThoughts
        guard let reasoning, reasoning.effort != nil || reasoning.maxTokens != nil else { return }
        guard reasoning.effort != ReasoningOptions.Effort.none else {
            self.mode = .disabled
            return
        }
        let wanted = reasoning.maxTokens ?? Self.budget(reasoning.effort)
        if form == .adaptive || (form == .either && reasoning.maxTokens == nil) {
            self.mode = .adaptive(asksToShow: form == .adaptive)
            self.effort = reasoning.effort.map(Self.name)
            self.maxTokens = limits.with(thoughts: wanted)
            return
        }
        guard wanted >= Self.minimumBudget else {
            throw UpstreamFault(
                .unsupported,
                "reasoning.max_tokens is \(wanted); the Messages API takes \(Self.minimumBudget) at least")
        }
        self.maxTokens = limits.with(thoughts: wanted)
        let isRoomForAll = limits.client == nil && self.maxTokens - wanted >= limits.usual
        self.mode = .budget(isRoomForAll ? wanted : try Self.fit(reasoning, wanted: wanted, limits))
    }

    /// A budget that leaves room for an answer. What the client itself said holds if it fits at all.
    private static func fit(
        _ reasoning: ReasoningOptions, wanted: Int, _ limits: AnthropicLengthLimits
    ) throws(UpstreamFault) -> Int {
        let limit = limits.with(thoughts: wanted)
        if reasoning.maxTokens != nil, wanted < limit { return wanted }
        let budget = min(wanted, limit - min(limit / 4, 1024))
        guard budget >= Self.minimumBudget else {
            let name = limits.client == nil ? "the model's longest answer" : "max_output_tokens"
            throw UpstreamFault(
                .unsupported,
                "\(name) is \(limit): thoughts take "
                    + "\(Self.minimumBudget) of them at least, and the answer some")
        }
        return budget
    }

    /// What an effort is worth in tokens, where it must be said in tokens.
    private static func budget(_ effort: ReasoningOptions.Effort?) -> Int {
        switch effort {
        case nil, .none?: 0
        case .minimal?: 1024
        case .low?: 2048
        case .medium?: 8192
        case .high?: 16_384
        }
    }

    private static func name(_ effort: ReasoningOptions.Effort) -> String {
        switch effort {
        // The least that there is.
        case .none, .minimal, .low: "low"
        case .medium: "medium"
        case .high: "high"
        }
    }
}

/// In which form a model is told to think.
///
/// Claude 4.7 and later refuse `budget_tokens` and show no thoughts unless asked; Claude 4.5 and earlier know nothing but
/// `budget_tokens`; 4.6 takes both. Servers of other models that speak this API take `budget_tokens`.
enum AnthropicThinkingForm: Sendable, Hashable {
    case budget
    case either
    case adaptive

    init(model: String) {
        guard let version = ClaudeVersion(model: model) else {
            self = model.lowercased().contains("claude") ? .adaptive : .budget
            return
        }
        self = version < ClaudeVersion(4, 6) ? .budget : version == ClaudeVersion(4, 6) ? .either : .adaptive
    }
}

/// The version in the name of a Claude model, whatever the order: `claude-sonnet-4-5-20250929`, `claude-3-7-sonnet`.
struct ClaudeVersion: Sendable, Hashable, Comparable {
    let major: Int
    let minor: Int

    init(_ major: Int, _ minor: Int) {
        self.major = major
        self.minor = minor
    }

    /// - Returns: `nil` when the name is no Claude's or has no version.
    init?(model: String) {
        let words = model.lowercased().split { !$0.isLetter && !$0.isNumber }
        guard let claude = words.firstIndex(of: "claude") else { return nil }
        let rest = words[(claude + 1)...]
        guard let place = rest.firstIndex(where: { Self.number($0) != nil }), let major = Self.number(rest[place])
        else { return nil }
        let next = rest.index(after: place)
        self.init(major, next < rest.endIndex ? Self.number(rest[next]) ?? 0 : 0)
    }

    /// One or two digits: longer numbers are dates.
    private static func number(_ word: Substring) -> Int? {
        word.utf8.count <= 2 && word.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(word) : nil
    }

    static func < (left: ClaudeVersion, right: ClaudeVersion) -> Bool {
        (left.major, left.minor) < (right.major, right.minor)
    }
}
