import GRPCCore
import RoundhouseAPI
import SwiftProtobuf

/// Events of a streamed answer, as a server would number them.
typealias Event = Roundhouse_V1_StreamGenerateResponse

extension Event {
    static func started(model: String = "local/tiny", attempt: Int32 = 1, continued: Bool = false) -> Event {
        .with {
            $0.started = .with {
                $0.model = model
                $0.attempt = attempt
                $0.continued = continued
            }
        }
    }

    static func superseded(_ fault: String, _ message: String, attempt: Int32 = 1) -> Event {
        .with {
            $0.superseded = .with {
                $0.attempt = attempt
                $0.fault = fault
                $0.message = message
            }
        }
    }

    static func text(_ text: String) -> Event {
        .with { $0.textDelta = .with { $0.text = text } }
    }

    static func reasoning(_ text: String) -> Event {
        .with { $0.reasoningDelta = .with { $0.text = text } }
    }

    static func toolCall(_ index: Int32, name: String = "", arguments: String) -> Event {
        .with {
            $0.toolCallDelta = .with {
                $0.index = index
                $0.name = name
                $0.argumentsJson = arguments
            }
        }
    }

    static func completed(_ completed: Roundhouse_V1_Completed = .scripted()) -> Event {
        .with { $0.completed = completed }
    }
}

extension Roundhouse_V1_Completed {
    /// 11 tokens, the first after 0.1 s, the last after 0.6 s: 20 tokens a second.
    static func scripted(
        _ reason: Roundhouse_V1_FinishReason = .stop,
        failed: [(model: String, fault: String, message: String)] = []
    ) -> Self {
        .with {
            $0.finishReason = reason
            $0.usage.inputTokens = 5
            $0.usage.outputTokens = 11
            $0.firstTokenLatency = .with { $0.nanos = 100_000_000 }
            $0.latency = .with { $0.nanos = 600_000_000 }
            $0.attempts = failed.map { attempt in
                .with {
                    $0.model = attempt.model
                    $0.fault = attempt.fault
                    $0.message = attempt.message
                }
            }
            $0.attempts.append(.with { $0.model = "local/tiny" })
        }
    }
}

extension RPCWriter<Event> {
    /// Sends the events numbered from `first`.
    func send(_ events: [Event], from first: Int64 = 0) async throws {
        for (index, event) in events.enumerated() {
            var event = event
            event.sequence = first + Int64(index)
            try await self.write(event)
        }
    }

    /// A whole answer.
    func answer(_ text: String) async throws {
        try await self.send([.started(), .text(text), .completed()])
    }
}
