internal import Inference
internal import RoundhouseAPI
internal import SwiftProtobuf

/// Collects what the pipeline delivers into the answer of one `Generate` call.
struct ResponseCollector {
    private var answer = Roundhouse_V1_GenerateResponse()
    private var message = AnswerMessage()

    init(requestID: String) {
        self.answer.requestID = requestID
    }

    var response: Roundhouse_V1_GenerateResponse {
        var response = self.answer
        let message = self.message.parts
        response.message = .with {
            $0.role = .assistant
            $0.parts = message
        }
        for part in message {
            if case .toolCall(let call) = part.content { response.toolCalls.append(call) }
        }
        return response
    }

    mutating func take(_ outputs: [PipelineOutput]) {
        for output in outputs {
            switch output {
            case .started(let started):
                self.answer.model = started.model.description
                if let explanation = started.explanation {
                    self.answer.route = Roundhouse_V1_RouteDecision(explanation)
                }
            case .superseded:
                (self.answer.text, self.answer.reasoning, self.answer.refusal) = ("", "", "")
                self.answer.citations = []
                self.message = AnswerMessage()
            case .delta(let event): self.take(event)
            case .progress: break
            case .completed(let completion): self.answer.completed = Roundhouse_V1_Completed(completion)
            }
        }
    }

    private mutating func take(_ event: InferenceEvent) {
        self.message.take(event)
        switch event {
        case .textDelta(let text): self.answer.text += text
        case .reasoningDelta(let text): self.answer.reasoning += text
        case .refusalDelta(let text): self.answer.refusal += text
        case .citation(let citation): self.answer.citations.append(Roundhouse_V1_Citation(citation))
        case .toolCallDelta, .reasoningSignature, .logprobs, .usage, .finished: break
        }
    }
}

/// An answer as the message that the next turn of the conversation begins with: parts in the order in which they came,
/// thoughts with their signatures.
struct AnswerMessage {
    private(set) var parts: [Roundhouse_V1_Part] = []
    /// Where the call of an index stands among the parts.
    private var places: [Int: Int] = [:]
    private var isReasoningOpen = false

    mutating func take(_ event: InferenceEvent) {
        switch event {
        case .textDelta(let text), .refusalDelta(let text):
            if case .text(let before) = self.parts.last?.content {
                self.parts[self.parts.count - 1].text = before + text
            } else {
                self.parts.append(.with { $0.text = text })
            }
        case .reasoningDelta(let text):
            if self.isReasoningOpen, case .reasoning = self.parts.last?.content {
                self.parts[self.parts.count - 1].reasoning.text += text
            } else {
                self.parts.append(.with { $0.reasoning.text = text })
            }
            self.isReasoningOpen = true
            return
        case .reasoningSignature(let signature):
            let isOpen = self.isReasoningOpen && !signature.isRedacted
            if !isOpen { self.parts.append(.with { $0.reasoning = .init() }) }
            self.parts[self.parts.count - 1].reasoning.signature = signature.value
            self.parts[self.parts.count - 1].reasoning.origin = signature.origin
            self.parts[self.parts.count - 1].reasoning.redacted = signature.isRedacted
        case .toolCallDelta(let delta): self.take(delta)
        case .citation, .logprobs, .usage, .finished: return
        }
        self.isReasoningOpen = false
    }

    private mutating func take(_ delta: ToolCallDelta) {
        let place: Int
        if let known = self.places[delta.index] {
            place = known
        } else {
            place = self.parts.count
            self.places[delta.index] = place
            self.parts.append(.with { $0.toolCall = .init() })
        }
        if let id = delta.id { self.parts[place].toolCall.id = id }
        if let name = delta.name { self.parts[place].toolCall.name = name }
        self.parts[place].toolCall.argumentsJson += delta.argumentsFragment
        if let signature = delta.signature {
            self.parts[place].toolCall.signature = signature.value
            self.parts[place].toolCall.origin = signature.origin
        }
    }
}
