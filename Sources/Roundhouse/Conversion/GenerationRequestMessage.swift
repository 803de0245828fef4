internal import Inference
internal import RoundhouseAPI

/// The fields that `GenerateRequest` and `StreamGenerateRequest` share: they differ in name only, so that every RPC
/// has a request type of its own (buf STANDARD), and convert by one function.
protocol GenerationRequestMessage {
    var model: String { get }
    var messages: [Roundhouse_V1_Message] { get }
    var hasTemperature: Bool { get }
    var temperature: Double { get }
    var hasTopP: Bool { get }
    var topP: Double { get }
    var hasMaxOutputTokens: Bool { get }
    var maxOutputTokens: Int32 { get }
    var stop: [String] { get }
    var hasSeed: Bool { get }
    var seed: Int64 { get }
    var hasPresencePenalty: Bool { get }
    var presencePenalty: Double { get }
    var hasFrequencyPenalty: Bool { get }
    var frequencyPenalty: Double { get }
    var requestID: String { get }
    var metadata: [String: String] { get }
    var tools: [Roundhouse_V1_Tool] { get }
    var hasToolChoice: Bool { get }
    var toolChoice: Roundhouse_V1_ToolChoice { get }
    var hasParallelToolCalls: Bool { get }
    var parallelToolCalls: Bool { get }
    var responseFormat: Roundhouse_V1_ResponseFormat { get }
    var hasReasoning: Bool { get }
    var reasoning: Roundhouse_V1_ReasoningOptions { get }
    var requirements: Roundhouse_V1_ModelRequirements { get }
    var strategy: String { get }
    var recovery: Roundhouse_V1_RecoveryMode { get }
    var priority: Roundhouse_V1_RequestPriority { get }
    var tags: [String] { get }
    var explain: Bool { get }
    var hasShareIdentical: Bool { get }
    var shareIdentical: Bool { get }

    /// `nil` when nothing is to be kept back, or nothing is sent before its end.
    var wantedHoldBack: Roundhouse_V1_HoldBack? { get }

    /// What happens after a failure in mid-answer when the client does not say.
    static var defaultRecovery: RecoveryMode { get }
}

extension Roundhouse_V1_GenerateRequest: GenerationRequestMessage {
    /// Nobody has seen what the failed attempt said.
    static var defaultRecovery: RecoveryMode { .restart }

    var wantedHoldBack: Roundhouse_V1_HoldBack? { nil }
}

extension Roundhouse_V1_StreamGenerateRequest: GenerationRequestMessage {
    static var defaultRecovery: RecoveryMode { .fail }

    var wantedHoldBack: Roundhouse_V1_HoldBack? { self.hasHoldBack ? self.holdBack : nil }
}
