import Inference

/// How long an answer may be, thoughts included: `max_tokens`, which the API wants in every request.
struct AnthropicLengthLimits: Sendable, Hashable {
    /// What the client set; it is never exceeded.
    var client: Int?
    /// The longest answer of the model, where it is known. The API refuses a higher `max_tokens`.
    var model: Int?
    /// Tokens of an answer for which the client set no limit, thoughts that were asked for apart.
    var usual: Int

    /// Where nobody knows the model's longest answer: no model has a shorter one.
    static let unknown = 4096
    /// No more of a stream without a limit of the client's, whatever the model can: the API takes `max_tokens` off the
    /// model's context, so that with more a long prompt would be refused.
    static let longestStream = 32_000
    /// The same of an answer that comes whole, which has to be there before ``HTTPTimeouts/firstToken`` is over.
    static let longestWhole = 8192

    init(client: Int? = nil, model: Int? = nil, usual: Int) {
        self.client = client
        self.model = model
        self.usual = usual
    }

    init(_ request: UpstreamRequest) {
        let model = request.longestAnswer.flatMap { $0 > 0 ? $0 : nil }
        let most = request.delivery == .streamed ? Self.longestStream : Self.longestWhole
        self.init(
            client: request.inference.sampling.maxOutputTokens, model: model,
            usual: model.map { min($0, most) } ?? Self.unknown)
    }

    var withoutThoughts: Int { self.client ?? self.usual }

    /// - Parameter thoughts: tokens that are to be thought, on top of the answer where the client set no limit.
    func with(thoughts: Int) -> Int {
        if let client = self.client { return client }
        let (sum, overflows) = self.usual.addingReportingOverflow(thoughts)
        return min(overflows ? .max : sum, self.model ?? .max)
    }
}
