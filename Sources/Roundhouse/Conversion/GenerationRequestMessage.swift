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
}

extension Roundhouse_V1_GenerateRequest: GenerationRequestMessage {}
extension Roundhouse_V1_StreamGenerateRequest: GenerationRequestMessage {}
