internal import RoundhouseAPI
internal import SwiftProtobuf

/// What an operator could do, as people read it.
enum RecommendationTexts {
    /// Numbered; each with why, what it brings, and how to do it.
    static func page(_ recommendations: [Roundhouse_V1_Recommendation], for traits: TerminalTraits) -> String {
        recommendations.enumerated()
            .map { Self.text($1, number: $0 + 1, for: traits) }
            .joined(separator: "\n")
    }

    static func text(
        _ recommendation: Roundhouse_V1_Recommendation, number: Int, for traits: TerminalTraits
    ) -> String {
        var text = traits.bold("\(number). \(Self.title(recommendation))") + "\n"
        text += traits.indented(recommendation.reason)
        if let gain = Self.gain(recommendation) { text += traits.indented("Brings: \(gain)") }
        let evidence = recommendation.evidence.map { "\($0.name) \(Self.value($0))" }.joined(separator: ", ")
        if !evidence.isEmpty { text += traits.indented("Evidence: \(evidence)") }
        let action = recommendation.action
        if !action.instruction.isEmpty { text += traits.indented("To do: \(action.instruction)") }
        // Whole, whatever the width: it is copied.
        if !action.method.isEmpty {
            text += "     $ roundhouse recommendations --apply \(TerminalText.singleLine(recommendation.id))\n"
        }
        return text
    }

    /// "unload local/tiny".
    static func title(_ recommendation: Roundhouse_V1_Recommendation) -> String {
        let model = TerminalText.singleLine(recommendation.model)
        return switch recommendation.kind {
        case .unloadUnused: "unload \(model), which is not used"
        case .load: "keep \(model) in memory"
        case .makeLazy: "load \(model) only when it is asked"
        case .pin: "pin \(model)"
        case .raiseMemoryShare: "let models take more of the memory"
        case .lowerMemoryShare: "let models take less of the memory"
        case .cheaperModel: "ask a cheaper model than \(model)"
        case .addKey: "give provider \(TerminalText.singleLine(recommendation.provider)) one more key"
        case .flappingModel: "disable \(model), which fails and comes back"
        case .unspecified, .UNRECOGNIZED: TerminalText.singleLine(recommendation.id)
        }
    }

    private static func gain(_ recommendation: Roundhouse_V1_Recommendation) -> String? {
        switch recommendation.expectedGain {
        case .freedBytes(let bytes): "\(Figures.bytes(bytes)) of free memory"
        case .sparedTime(let time): "\(Figures.duration(Duration(time))) less to wait"
        case .savedNanoUsd(let nanos): "$\(Prices.usd(nanos)) less to pay"
        case .sparedFailureCount(let count): "\(Figures.count(count, "failed attempt")) less"
        case nil: nil
        }
    }

    private static func value(_ evidence: Roundhouse_V1_RecommendationEvidence) -> String {
        switch evidence.unit {
        case "bytes": Figures.bytes(Int64(min(9e18, max(0, evidence.value))))
        case "microseconds": Figures.duration(.microseconds(min(1e15, max(0, evidence.value))))
        case "part": Figures.percent(evidence.value)
        case "nano-usd": "$\(Prices.usd(Int64(min(9e18, max(0, evidence.value)))))"
        default: Figures.fixed(evidence.value, digits: evidence.value == evidence.value.rounded() ? 0 : 2)
        }
    }
}
