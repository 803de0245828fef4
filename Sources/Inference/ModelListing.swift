/// Something that can be asked what models it has: a provider's listing, a folder of files.
public protocol ModelLister: Sendable {
    /// Everything that is there now.
    ///
    /// - Throws: ``UpstreamFault`` when it cannot be asked, ``UpstreamFault/Kind/malformed`` when what it says departs
    ///   from its documented format: a guess could hide or invent models.
    func listModels() async throws(UpstreamFault) -> ModelListing
}

/// What a lister found.
public struct ModelListing: Sendable, Hashable {
    public var models: [ListedModel]
    /// What lies there and is no usable model, each with the reason: `broken.gguf: it ends inside its header …`.
    public var skipped: [String]

    public init(models: [ListedModel], skipped: [String] = []) {
        self.models = models
        self.skipped = skipped
    }
}

/// One model of a listing. What the source does not tell is `nil`.
public struct ListedModel: Sendable, Hashable {
    /// ``ModelID/name``.
    public var name: String
    public var displayName: String?
    public var category: ModelCategory?
    public var capabilities: Set<Capability>?
    public var contextLength: Int?
    public var maxOutputTokens: Int?
    public var prices: ModelPrices?
    public var sizeBytes: Int64?
    /// The file, for models in folders. Absolute.
    public var path: String?
    /// Whether it is in memory there.
    public var isLoaded: Bool?

    public init(name: String) {
        self.name = name
    }
}

/// What comes out of a model.
public enum ModelCategory: String, Sendable, Hashable, CaseIterable, Codable {
    case text, image, voice, video, embedding
}

/// What tokens cost, in nano-USD (1e-9 USD) for a million of them: 0.15 USD is 150,000,000.
///
/// Per million and not per token, since prices such as 0.0375 USD for a million are no whole nano-USD for one.
public struct ModelPrices: Sendable, Hashable, Codable {
    public var input: Int64
    public var output: Int64
    /// For tokens of the prompt that the upstream had cached; `nil`: as ``input``.
    public var cachedInput: Int64?

    public init(input: Int64, output: Int64, cachedInput: Int64? = nil) {
        self.input = input
        self.output = output
        self.cachedInput = cachedInput
    }

    public static let free = ModelPrices(input: 0, output: 0)

    public var isFree: Bool { self.input == 0 && self.output == 0 && (self.cachedInput ?? 0) == 0 }
}
