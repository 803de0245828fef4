internal import RoundhouseAPI
internal import SwiftProtobuf

/// Puts a whole answer together from a stream, for `generate --progress`: `Generate` itself tells nothing on the way.
struct AnswerCollector {
    private var order = StreamOrder()
    private var answer = Roundhouse_V1_GenerateResponse()
    private var toolCalls = ToolCallFragments()
    private var view: JobView

    init(_ console: any Console) {
        self.view = JobView(console, json: false)
    }

    /// - Throws: ``CommandFailure/brokenPromise(_:)`` for a stream that is out of order or without an end.
    mutating func collect(
        _ messages: some AsyncSequence<Roundhouse_V1_StreamGenerateResponse, any Error>
    ) async throws -> Roundhouse_V1_GenerateResponse {
        do {
            for try await message in messages {
                try self.order.take(message)
                await self.take(message)
            }
        } catch {
            await self.view.clear()
            throw error
        }
        await self.view.clear()
        try self.order.end()
        self.answer.toolCalls = self.toolCalls.assembled
        return self.answer
    }

    private mutating func take(_ message: Roundhouse_V1_StreamGenerateResponse) async {
        switch message.event {
        case .progress(let progress): await self.view.show(progress)
        case .started(let started):
            await self.view.clear()
            (self.answer.model, self.answer.requestID) = (started.model, started.requestID)
        case .textDelta(let delta): self.answer.text += delta.text
        case .reasoningDelta(let delta): self.answer.reasoning += delta.text
        case .toolCallDelta(let delta): self.toolCalls.add(delta)
        case .refusalDelta(let delta): self.answer.refusal += delta.text
        case .citation(let citation): self.answer.citations.append(citation)
        case .superseded:
            (self.answer.text, self.answer.reasoning, self.answer.refusal) = ("", "", "")
            self.answer.citations = []
            self.toolCalls = .init()
        case .completed(let completed): self.answer.completed = completed
        case nil: break
        }
    }
}
