internal import GRPCProtobuf
internal import GRPCTransport
internal import Inference
internal import RoundhouseAPI

/// Takes what the pipeline delivers for one `Generate` call.
protocol AnswerCollecting {
    init(requestID: String)
    mutating func take(_ outputs: [PipelineOutput])
}

extension ResponseCollector: AnswerCollecting {}

/// Collects the answer of one `Generate` call and encodes it: by hand while it is text alone, as nearly all are, else as
/// ``ResponseCollector`` would.
struct AnswerEncoder: AnswerCollecting {
    private let requestID: String
    private var started: PipelineOutput.Started?
    /// `nil` until there is some, which may be empty.
    private var text: String?
    private var completion: Completion?
    /// From the first output on that is more than text.
    private var general: ResponseCollector?

    init(requestID: String) {
        self.requestID = requestID
    }

    mutating func take(_ outputs: [PipelineOutput]) {
        for output in outputs {
            if self.general != nil {
                self.general?.take([output])
                continue
            }
            switch output {
            case .started(let started) where started.explanation == nil: self.started = started
            case .superseded: self.text = nil
            case .delta(.textDelta(let text)): self.text = self.text.map { $0 + text } ?? text
            case .completed(let completion): self.completion = completion
            case .progress, .delta(.usage), .delta(.finished): break
            case .started, .delta: self.take(general: output)
            }
        }
    }

    private mutating func take(general output: PipelineOutput) {
        var general = ResponseCollector(requestID: self.requestID)
        if let started = self.started { general.take([.started(started)]) }
        if let text = self.text { general.take([.delta(.textDelta(text))]) }
        if let completion = self.completion { general.take([.completed(completion)]) }
        general.take([output])
        self.general = general
    }

    /// `roundhouse.v1.GenerateResponse`.
    func encoded() throws -> Bytes {
        if let general = self.general { return try ProtobufSerializer().serialize(general.response) }
        let text = self.text ?? ""
        var writer = WireWriter(capacity: 2 * text.utf8.count + 256)
        writer.field(1, text)
        if let started = self.started { writer.field(4, started.model) }
        if let completion = self.completion { writer.field(5, completion) }
        writer.field(6, self.requestID)
        writer.message(7) { message in
            message.field(1, Int64(Roundhouse_V1_Role.assistant.rawValue))
            if let text = self.text { message.message(2) { $0.member(1, text) } }
        }
        return Bytes(writer.bytes)
    }
}

extension ResponseWriter {
    /// `roundhouse.v1.StreamGenerateResponse`: by hand what every token and every answer sends.
    mutating func encoded(_ output: PipelineOutput) throws -> Bytes {
        switch output {
        case .delta(.textDelta(let text)):
            var writer = WireWriter(capacity: text.utf8.count + 24)
            writer.field(1, self.takeSequence())
            writer.message(3) { $0.field(1, text) }
            return Bytes(writer.bytes)
        case .completed(let completion):
            var writer = WireWriter(capacity: 256)
            writer.field(1, self.takeSequence())
            writer.field(6, completion)
            return Bytes(writer.bytes)
        default: return try ProtobufSerializer().serialize(self.message(from: output))
        }
    }
}
