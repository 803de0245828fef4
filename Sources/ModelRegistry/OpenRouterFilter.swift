internal import Inference

/// What of OpenRouter's models is used: for models whose provider is of the kind `openrouter`, listed and asked alike.
public struct OpenRouterFilter: Sendable, Hashable {
    /// The kind of provider that it is for.
    public static let providerKind = "openrouter"

    /// Only free models are listed and asked.
    public var showFreeOnly: Bool
    /// When the gateway chooses, free models come first.
    public var preferFreeModels: Bool
    /// Models of which either price is higher are neither listed nor asked; `nil`: no limit. In nano-USD for a million
    /// tokens, not below 0.
    public var maxPricePerMillionTokens: Int64?

    public init(showFreeOnly: Bool = false, preferFreeModels: Bool = false, maxPricePerMillionTokens: Int64? = nil) {
        self.showFreeOnly = showFreeOnly
        self.preferFreeModels = preferFreeModels
        self.maxPricePerMillionTokens = maxPricePerMillionTokens
    }

    /// Whether every model passes.
    public var allowsEverything: Bool { !self.showFreeOnly && self.maxPricePerMillionTokens == nil }

    /// Whether an OpenRouter model is listed and asked. A model whose prices vary or are not known could cost anything: it
    /// passes only where prices do not matter.
    public func allows(_ model: ModelDescription) -> Bool {
        if self.showFreeOnly, model.prices?.isFree != true { return false }
        guard let limit = self.maxPricePerMillionTokens else { return true }
        guard let prices = model.prices else { return false }
        return prices.input <= limit && prices.output <= limit
    }

    /// Whether an OpenRouter model comes before those that are not preferred when the gateway chooses.
    public func prefers(_ model: ModelDescription) -> Bool {
        self.preferFreeModels && model.prices?.isFree == true
    }
}

// MARK: - From the environment

extension OpenRouterFilter {
    /// Reads `OPENROUTER_SHOW_FREE_ONLY`, `OPENROUTER_PREFER_FREE_MODELS` and `OPENROUTER_MAX_COST_PER_TOKEN`. A variable
    /// that is not set, or is empty, leaves what `base` says.
    ///
    /// - Parameter base: what the configuration file says.
    /// - Throws: ``InvalidEnvironment`` with every variable that is wrong.
    public init(
        environment: [String: String], over base: OpenRouterFilter = OpenRouterFilter()
    ) throws(InvalidEnvironment) {
        self = base
        var problems: [InvalidEnvironment.Problem] = []
        func read<Value>(_ variable: String, expected: String, _ parse: (String) -> Value?) -> Value? {
            let text = environment[variable].map { Self.trimmed($0) } ?? ""
            guard !text.isEmpty else { return nil }
            if let value = parse(text) { return value }
            problems.append(InvalidEnvironment.Problem(variable: variable, value: text, expected: expected))
            return nil
        }
        let boolean = "true or false (or yes, no, on, off, 1, 0)"
        if let value = read("OPENROUTER_SHOW_FREE_ONLY", expected: boolean, Self.boolean) { self.showFreeOnly = value }
        if let value = read("OPENROUTER_PREFER_FREE_MODELS", expected: boolean, Self.boolean) {
            self.preferFreeModels = value
        }
        let price = "USD for one token as a decimal number from 0 to 9223, such as 0.000001 for 1 USD a million"
        if let value = read("OPENROUTER_MAX_COST_PER_TOKEN", expected: price, Self.price) {
            self.maxPricePerMillionTokens = value
        }
        guard problems.isEmpty else { throw InvalidEnvironment(problems: problems) }
    }

    /// Variables that say what cannot be.
    public struct InvalidEnvironment: Error, Sendable, Hashable, CustomStringConvertible {
        /// At least one.
        public let problems: [Problem]

        public struct Problem: Sendable, Hashable, CustomStringConvertible {
            public let variable: String
            public let value: String
            public let expected: String

            public var description: String {
                "\(self.variable) is '\(self.value.prefix(80))', expected \(self.expected)"
            }
        }

        public var description: String { self.problems.map(\.description).joined(separator: "; ") }
    }

    private static func boolean(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "true", "yes", "on", "1", "t", "y": true
        case "false", "no", "off", "0", "f", "n": false
        default: nil
        }
    }

    private static func price(_ text: String) -> Int64? {
        guard let number = DecimalNumber(text), !number.isNegative else { return nil }
        return number.nanoUSDPerMillionTokens
    }

    private static func trimmed(_ text: String) -> String {
        let trimmed = text.drop { $0.isWhitespace }
        return String(trimmed.reversed().drop { $0.isWhitespace }.reversed())
    }
}
