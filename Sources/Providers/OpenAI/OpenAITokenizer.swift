import Inference

/// What a tokenizer endpoint said.
struct Tokenization: Sendable, Hashable {
    var prompt: String?
    var tokens: Int?
}

/// Reads the answer of `/apply-template` and `/tokenize`.
struct TokenizationDecoder: ResponseDecoder {
    private var collected: CollectedBody
    private(set) var isFinished = false
    var isWaitingForDetails: Bool { false }

    init(secret: Secret?, maximumBodyBytes: Int) {
        self.collected = CollectedBody(secret: secret, maximumBytes: maximumBodyBytes)
    }

    mutating func receive(_ head: HTTPResponseHead) throws(UpstreamFault) -> Bool {
        self.collected.receive(head)
    }

    mutating func receive(_ body: Span<UInt8>, into elements: inout [Tokenization]) throws(UpstreamFault) {
        try self.collected.append(body)
    }

    mutating func end(_ end: ResponseEnd, into elements: inout [Tokenization]) throws(UpstreamFault) {
        guard (200..<300).contains(self.collected.head.status) else {
            if case .fault(let fault) = end, self.collected.head.status == 0 { throw fault }
            throw self.collected.fault()
        }
        switch end {
        case .fault(let fault): throw fault
        case .cut, .patienceOver:
            throw UpstreamFault(.truncated, "the connection closed in the middle of the answer")
        case .complete: break
        }
        let body = self.collected.body
        let (prompt, tokens) = try AnswerParser.borrowed { parser throws(UpstreamFault) in
            try parser.tokenization(body.span)
        }
        elements.append(Tokenization(prompt: prompt, tokens: tokens))
        self.isFinished = true
    }
}
