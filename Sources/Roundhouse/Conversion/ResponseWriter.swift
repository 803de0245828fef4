internal import Inference
internal import RoundhouseAPI
internal import SwiftProtobuf

/// Turns what the pipeline delivers into the messages of one `StreamGenerate` call.
struct ResponseWriter {
    private let requestID: String
    private var sequence: Int64 = 0

    init(requestID: String) {
        self.requestID = requestID
    }

    mutating func messages(from outputs: [PipelineOutput]) -> [Roundhouse_V1_StreamGenerateResponse] {
        outputs.map { self.message(from: $0) }
    }

    mutating func takeSequence() -> Int64 {
        defer { self.sequence += 1 }
        return self.sequence
    }

    mutating func message(from output: PipelineOutput) -> Roundhouse_V1_StreamGenerateResponse {
        var message = Roundhouse_V1_StreamGenerateResponse()
        message.sequence = self.takeSequence()
        switch output {
        case .progress(let progress):
            message.progress = Roundhouse_V1_LoadProgress(progress)
        case .started(let started):
            message.started = .with {
                $0.model = started.model.description
                $0.provider = started.model.provider.rawValue
                $0.attempt = Int32(clamping: started.attempt)
                $0.requestID = self.requestID
                $0.continued = started.continues
                if let explanation = started.explanation { $0.route = Roundhouse_V1_RouteDecision(explanation) }
            }
        case .superseded(let attempt, let fault):
            message.superseded = .with {
                $0.attempt = Int32(clamping: attempt)
                $0.fault = fault.reason
                $0.message = fault.message
            }
        case .delta(.textDelta(let text)):
            message.textDelta = .with { $0.text = text }
        case .delta(.reasoningDelta(let text)):
            message.reasoningDelta = .with { $0.text = text }
        case .delta(.toolCallDelta(let delta)):
            message.toolCallDelta = .with {
                $0.index = Int32(clamping: delta.index)
                $0.id = delta.id ?? ""
                $0.name = delta.name ?? ""
                $0.argumentsJson = delta.argumentsFragment
                $0.signature = delta.signature?.value ?? ""
                $0.origin = delta.signature?.origin ?? ""
            }
        case .delta(.reasoningSignature(let signature)):
            message.reasoningDelta = .with {
                $0.signature = signature.value
                $0.origin = signature.origin
                $0.redacted = signature.isRedacted
            }
        case .delta(.refusalDelta(let text)):
            message.refusalDelta = .with { $0.text = text }
        case .delta(.citation(let citation)):
            message.citation = Roundhouse_V1_Citation(citation)
        case .delta(.logprobs), .delta(.usage), .delta(.finished):
            break  // Not deltas: the pipeline makes `completed` of them.
        case .completed(let completion):
            message.completed = Roundhouse_V1_Completed(completion)
        }
        return message
    }
}

extension Roundhouse_V1_Citation {
    init(_ citation: Citation) {
        self.init()
        self.url = citation.url ?? ""
        self.title = citation.title ?? ""
        self.citedText = citation.citedText ?? ""
        if let index = citation.startIndex { self.startIndex = Int32(clamping: index) }
        if let index = citation.endIndex { self.endIndex = Int32(clamping: index) }
        if let index = citation.documentIndex { self.documentIndex = Int32(clamping: index) }
    }
}

extension Roundhouse_V1_Completed {
    init(_ completion: Completion) {
        self.init()
        self.finishReason = Roundhouse_V1_FinishReason(completion.finishReason)
        self.usage = Roundhouse_V1_Usage(completion.usage)
        self.attempts = completion.attempts.map(Roundhouse_V1_Attempt.init)
        if let latency = completion.firstTokenLatency { self.firstTokenLatency = .init(latency) }
        self.latency = .init(completion.latency)
        if let cost = completion.cost { self.cost = Roundhouse_V1_Cost(cost) }
        self.model = completion.model?.description ?? ""
        self.shared = completion.isShared
    }
}

extension Roundhouse_V1_Usage {
    init(_ usage: Inference.Usage) {
        self.init()
        self.inputTokens = Int64(usage.inputTokens)
        self.outputTokens = Int64(usage.outputTokens)
        self.cachedInputTokens = Int64(usage.cachedInputTokens)
        self.reasoningTokens = Int64(usage.reasoningTokens)
        self.estimated = usage.isEstimated
        self.audioInputTokens = Int64(usage.audioInputTokens)
        self.audioOutputTokens = Int64(usage.audioOutputTokens)
        self.cacheWriteInputTokens = Int64(usage.cacheWriteInputTokens)
    }
}

extension Roundhouse_V1_Cost {
    init(_ cost: Inference.Cost) {
        self.init()
        self.nanoUsd = cost.nanoUSD
        self.estimated = cost.isEstimated
    }
}

extension Roundhouse_V1_Attempt {
    init(_ attempt: Inference.Attempt) {
        self.init()
        self.model = attempt.model.description
        self.provider = attempt.model.provider.rawValue
        self.fault = attempt.fault?.reason ?? ""
        self.message = attempt.fault?.message ?? ""
        self.duration = .init(attempt.duration)
        if let usage = attempt.usage { self.usage = Roundhouse_V1_Usage(usage) }
        if let cost = attempt.cost { self.cost = Roundhouse_V1_Cost(cost) }
        self.hedge = attempt.isHedge
        self.httpStatus = Int32(clamping: attempt.fault?.httpStatus ?? 0)
        self.disposition = attempt.fault?.disposition.name ?? ""
    }
}

extension UpstreamFault.Disposition {
    /// As in `Attempt.disposition`.
    var name: String {
        switch self {
        case .retrySame: "retry_same"
        case .retryOther: "retry_other"
        case .largerContext: "larger_context"
        case .otherFilter: "other_filter"
        case .keyIsDead: "key_is_dead"
        case .fail: "fail"
        }
    }
}

extension Inference.FinishReason {
    /// Its number in the proto.
    var wireValue: Int { Roundhouse_V1_FinishReason(self).rawValue }
}

extension Roundhouse_V1_FinishReason {
    init(_ reason: Inference.FinishReason) {
        switch reason {
        case .stop: self = .stop
        case .length: self = .length
        case .toolCalls: self = .toolCalls
        case .contentFilter: self = .contentFilter
        case .refusal: self = .refusal
        case .other: self = .other
        }
    }
}
