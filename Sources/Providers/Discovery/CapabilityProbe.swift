package import Inference

/// Finds out by asking what a model can do: a few requests of at most eight tokens each.
///
/// It may load the model and cost money. What our requests cannot express yet (tools, schemas, images) it does not
/// report at all: for that there is only what listings and file headers say.
package struct CapabilityProbe: Sendable {
    private let provider: any Provider
    private let model: String

    /// Enough for a word or two, and for a stream to have more than one piece.
    private static let maximumTokens = 8

    /// - Parameter model: ``ModelID/name``.
    package init(_ provider: any Provider, model: String) {
        self.provider = provider
        self.model = model
    }

    /// What was looked at.
    package enum Subject: Sendable, Hashable {
        case capability(Capability)
        case systemPrompt
    }

    /// One thing found out, and how.
    package struct Finding: Sendable, Hashable {
        package var subject: Subject
        /// `nil` when the answer proves neither.
        package var isSupported: Bool?
        /// A sentence for people.
        package var evidence: String
    }

    /// - Throws: ``UpstreamFault`` when the upstream could not be asked, so that nothing follows about the model:
    ///   unreachable, busy, no credentials, no such model.
    package func run() async throws(UpstreamFault) -> [Finding] {
        let chat = try await self.chat()
        guard chat.isSupported == true else { return [chat] }
        return [chat, try await self.streaming(), try await self.systemPrompt()]
    }

    private func chat() async throws(UpstreamFault) -> Finding {
        switch try await self.ask([Message(.user, Self.question)], delivery: .whole) {
        case .answered(let answer):
            Finding(
                subject: .capability(.chat), isSupported: true,
                evidence: "it answered a question with \(answer.outputCharacters) characters")
        case .refused(let reason):
            Finding(subject: .capability(.chat), isSupported: false, evidence: "it refused a question: \(reason)")
        }
    }

    private func streaming() async throws(UpstreamFault) -> Finding {
        let subject = Subject.capability(.streaming)
        switch try await self.ask([Message(.user, Self.question)], delivery: .streamed) {
        case .answered(let answer) where answer.deltas > 1:
            return Finding(
                subject: subject, isSupported: true, evidence: "an answer came as a stream of \(answer.deltas) pieces")
        case .answered(let answer):
            return Finding(
                subject: subject, isSupported: nil,
                evidence: "an answer came in \(answer.deltas) piece, which could be a stream or not")
        case .refused(let reason):
            return Finding(subject: subject, isSupported: false, evidence: "it refused to stream: \(reason)")
        }
    }

    private func systemPrompt() async throws(UpstreamFault) -> Finding {
        let messages = [Message(.system, "You answer in one word."), Message(.user, Self.question)]
        switch try await self.ask(messages, delivery: .whole) {
        case .answered:
            return Finding(subject: .systemPrompt, isSupported: true, evidence: "it took a system prompt")
        case .refused(let reason):
            return Finding(
                subject: .systemPrompt, isSupported: false, evidence: "it refused a system prompt: \(reason)")
        }
    }

    private static let question = "Count from one to five."

    // MARK: - One request

    private struct Answer {
        var deltas = 0
        var outputCharacters = 0
    }

    private enum Outcome {
        case answered(Answer)
        /// The upstream understood, and does not do it.
        case refused(String)
    }

    private func ask(
        _ messages: [Message], delivery: UpstreamRequest.Delivery
    ) async throws(UpstreamFault) -> Outcome {
        let sampling = SamplingParameters(temperature: 0, maxOutputTokens: Self.maximumTokens)
        let request = UpstreamRequest(
            inference: InferenceRequest(id: "capability-probe", messages: messages, sampling: sampling),
            model: self.model, delivery: delivery)
        do throws(UpstreamFault) {
            let stream = try await self.provider.start(request)
            var answer = Answer()
            while let events = try await stream.next() {
                for event in events where event.isOutput {
                    answer.deltas += 1
                    answer.outputCharacters += Self.length(event)
                }
            }
            return .answered(answer)
        } catch  where error.kind == .invalidRequest {
            return .refused(error.message)
        }
    }

    private static func length(_ event: InferenceEvent) -> Int {
        switch event {
        case .textDelta(let text), .reasoningDelta(let text), .refusalDelta(let text): text.count
        case .toolCallDelta(let delta): delta.argumentsFragment.count
        case .usage, .finished, .reasoningSignature, .citation, .logprobs: 0
        }
    }
}
