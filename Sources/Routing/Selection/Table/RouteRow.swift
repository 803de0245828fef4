internal import Inference
internal import ModelRegistry

/// What of a model decisions look at, as plain numbers: a thousand of these are looked through in microseconds.
struct RouteRow: Sendable {
    var capabilities: CapabilitySet
    /// What the model is for.
    var category: CategorySet
    /// What it can be used for, if somebody names it.
    var uses: CategorySet
    var flags: Flags
    /// Its place among the table's providers.
    var provider: Int32
    var priority: Int32
    /// Tokens; -1 when not known.
    var contextLength: Int
    /// Tokens of the longest answer; -1 when not known.
    var maxOutputTokens: Int
    /// Nano-USD for a token; infinite when not known.
    var inputPrice: Double
    var outputPrice: Double
    /// 0...1; -1 when not known.
    var qualityScore: Double
    var safetyScore: Double
    /// To the first token in nanoseconds, as a profile measured it; NaN when there is none.
    var profiledLatency: Double

    struct Flags: OptionSet, Sendable {
        let rawValue: UInt8

        /// The model and its provider are switched on.
        static let enabled = Flags(rawValue: 1 << 0)
        /// The policy lets requests reach it.
        static let allowed = Flags(rawValue: 1 << 1)
        static let free = Flags(rawValue: 1 << 2)
        /// On this machine.
        static let local = Flags(rawValue: 1 << 3)
        /// Its engine keeps prompts.
        static let keepsPrompts = Flags(rawValue: 1 << 4)
        /// Asked before the others, where the policy says so.
        static let preferred = Flags(rawValue: 1 << 5)
        /// The last discovery no longer found what discovery had brought.
        static let lost = Flags(rawValue: 1 << 6)
    }
}

extension RouteRow {
    /// What is the same for every model of a provider.
    struct Provider {
        var index: Int32
        var isEnabled: Bool
        var isLocal: Bool
        var keepsPrompts: Bool
    }

    /// Local engines are started with at most so much context unless the model's settings say otherwise.
    private static let localContextLimit = 8192

    /// - Parameter isListed: false for what a provider only passes on: nobody knows what it is or can do.
    init(_ model: ModelDescription, isListed: Bool, isAllowed: Bool, provider: Provider) {
        self.capabilities = isListed ? CapabilitySet(model.capabilities) : .unknown
        self.category = isListed ? CategorySet(model.category) : .all
        self.uses = self.category
        if self.capabilities.contains(.embeddings) { self.uses.insert(CategorySet(.embedding)) }
        self.provider = provider.index
        self.priority = Int32(clamping: model.priority)
        self.contextLength = model.contextLength ?? -1
        if model.id.provider == .local {
            self.contextLength =
                model.engineSettings.contextLength ?? min(self.contextLength, Self.localContextLimit)
        }
        self.maxOutputTokens = model.maxOutputTokens ?? -1
        self.inputPrice = model.prices.map { Double($0.input) / 1e6 } ?? .infinity
        self.outputPrice = model.prices.map { Double($0.output) / 1e6 } ?? .infinity
        self.qualityScore = model.qualityScore ?? -1
        self.safetyScore = model.safetyScore ?? -1
        self.profiledLatency = Self.latency(of: model.profile)
        self.flags = []
        let isFree = model.prices?.isFree ?? false
        if model.isEnabled && provider.isEnabled { self.flags.insert(.enabled) }
        if isAllowed { self.flags.insert(.allowed) }
        if isFree { self.flags.insert(.free) }
        if provider.isLocal { self.flags.insert(.local) }
        if provider.keepsPrompts { self.flags.insert(.keepsPrompts) }
        if isFree || (provider.isLocal && model.prices == nil) { self.flags.insert(.preferred) }
        if model.isMissing && model.provenance.source == .discovered { self.flags.insert(.lost) }
    }

    private static func latency(of profile: ModelProfile?) -> Double {
        guard let profile else { return .nan }
        return (profile.firstTokenP50 > .zero ? profile.firstTokenP50 : profile.latencyP50).nanoseconds
    }

    /// Whether the choice may fall on it for a request that names nobody.
    var isAutomatic: Bool { self.flags.contains(.enabled) && !self.flags.contains(.lost) }

    /// To the first token, in nanoseconds: as measured lately, or else by the profile; NaN when nothing is known.
    func expectedLatency(_ figures: ModelFigures, at now: UInt64) -> Double {
        let measured = figures.expectedFirstToken(at: now)
        return measured.isNaN ? self.profiledLatency : measured
    }

    /// What a request costs, in nano-USD; infinite when not known.
    ///
    /// - Parameter output: tokens of the answer; `nil`: the longest that the model gives.
    func cost(input: Double, output: Double?) -> Double {
        // Of what costs nothing, no amount need be known; 0 times infinity would be no number.
        guard self.inputPrice.isFinite else { return .infinity }
        guard self.outputPrice > 0 else { return input * self.inputPrice }
        let longest = self.maxOutputTokens >= 0 ? self.maxOutputTokens : self.contextLength
        let tokens = output ?? (longest >= 0 ? Double(longest) : .infinity)
        return input * self.inputPrice + tokens * self.outputPrice
    }
}
