internal import RoundhouseAPI
internal import SwiftProtobuf

/// What the two generation requests have in common: everything but their names, which buf's STANDARD wants distinct.
protocol GenerationMessage {
    init()

    var model: String { get set }
    var messages: [Roundhouse_V1_Message] { get set }
    var temperature: Double { get set }
    var topP: Double { get set }
    var maxOutputTokens: Int32 { get set }
    var stop: [String] { get set }
    var seed: Int64 { get set }
    var presencePenalty: Double { get set }
    var frequencyPenalty: Double { get set }
    var requestID: String { get set }
    var metadata: [String: String] { get set }
    var responseFormat: Roundhouse_V1_ResponseFormat { get set }
    var reasoning: Roundhouse_V1_ReasoningOptions { get set }
    var recovery: Roundhouse_V1_RecoveryMode { get set }
    var shareIdentical: Bool { get set }
    var requirements: Roundhouse_V1_ModelRequirements { get set }
    var strategy: String { get set }
    var priority: Roundhouse_V1_RequestPriority { get set }
    var tags: [String] { get set }
}

extension Roundhouse_V1_GenerateRequest: GenerationMessage {}
extension Roundhouse_V1_StreamGenerateRequest: GenerationMessage {}

extension Roundhouse_V1_Message {
    /// A message of one text part.
    static func saying(_ text: String, as role: Roundhouse_V1_Role) -> Self {
        .with {
            $0.role = role
            $0.parts = [.with { $0.text = text }]
        }
    }
}
