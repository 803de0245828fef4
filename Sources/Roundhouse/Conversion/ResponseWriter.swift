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

    private mutating func message(from output: PipelineOutput) -> Roundhouse_V1_StreamGenerateResponse {
        var message = Roundhouse_V1_StreamGenerateResponse()
        message.sequence = self.sequence
        self.sequence += 1
        switch output {
        case .progress(let progress):
            message.progress = Roundhouse_V1_LoadProgress(progress)
        case .started(let model, let attempt):
            message.started = .with {
                $0.model = model.description
                $0.provider = model.provider.rawValue
                $0.attempt = Int32(clamping: attempt)
                $0.requestID = self.requestID
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
        case .delta(.usage), .delta(.finished):
            break  // Not deltas: the pipeline makes `completed` of them.
        case .completed(let completion):
            message.completed = Roundhouse_V1_Completed(completion)
        }
        return message
    }
}

/// Collects what the pipeline delivers into the answer of one `Generate` call.
struct ResponseCollector {
    private(set) var response = Roundhouse_V1_GenerateResponse()

    init(requestID: String) {
        self.response.requestID = requestID
    }

    mutating func take(_ outputs: [PipelineOutput]) {
        for output in outputs {
            switch output {
            case .started(let model, _): self.response.model = model.description
            case .delta(.textDelta(let text)): self.response.text += text
            case .delta(.reasoningDelta(let text)): self.response.reasoning += text
            case .delta(.toolCallDelta(let delta)): self.take(delta)
            case .delta(.refusalDelta(let text)): self.response.refusal += text
            case .delta(.citation(let citation)): self.response.citations.append(Roundhouse_V1_Citation(citation))
            case .progress, .delta(.usage), .delta(.finished), .delta(.reasoningSignature): break
            case .completed(let completion): self.response.completed = Roundhouse_V1_Completed(completion)
            }
        }
    }

    private mutating func take(_ delta: ToolCallDelta) {
        // An index far away would make room for nothing: such a fragment begins the next call.
        let index = min(max(delta.index, 0), self.response.toolCalls.count)
        if index == self.response.toolCalls.count { self.response.toolCalls.append(Roundhouse_V1_ToolCall()) }
        if let id = delta.id { self.response.toolCalls[index].id = id }
        if let name = delta.name { self.response.toolCalls[index].name = name }
        self.response.toolCalls[index].argumentsJson += delta.argumentsFragment
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
        self.usage = .with {
            $0.inputTokens = Int64(completion.usage.inputTokens)
            $0.outputTokens = Int64(completion.usage.outputTokens)
            $0.cachedInputTokens = Int64(completion.usage.cachedInputTokens)
            $0.reasoningTokens = Int64(completion.usage.reasoningTokens)
            $0.estimated = completion.usage.isEstimated
        }
        self.attempts = completion.attempts.map(Roundhouse_V1_Attempt.init)
        if let latency = completion.firstTokenLatency { self.firstTokenLatency = .init(latency) }
        self.latency = .init(completion.latency)
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
    }
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
