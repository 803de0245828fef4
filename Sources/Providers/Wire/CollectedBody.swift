import FoundationEssentials
import Inference

/// A body that is read to its end, be it an answer or an explanation of a failure.
struct CollectedBody: Sendable {
    /// Explanations are short; more of one is not read.
    static let maximumFailureBytes = 64 * 1024

    private(set) var head = HTTPResponseHead(status: 0)
    private(set) var body: [UInt8] = []
    private let secret: Secret?
    private let maximumBytes: Int
    private let explain: Explanation

    /// What a response means that is not 2xx: its head, its body, and seconds since 1970 for a `Retry-After` that is a
    /// date.
    typealias Explanation = @Sendable (HTTPResponseHead, Span<UInt8>, Int64) -> UpstreamFault

    /// - Parameter explain: of the wire format; OpenAI's when not told.
    init(
        secret: Secret?, maximumBytes: Int,
        explain: @escaping Explanation = { OpenAIFaults.fault($0, body: $1, now: $2) }
    ) {
        self.secret = secret
        self.maximumBytes = maximumBytes
        self.explain = explain
    }

    /// - Returns: whether the status is 2xx.
    mutating func receive(_ head: HTTPResponseHead) -> Bool {
        self.head = head
        return (200..<300).contains(head.status)
    }

    /// Whether `portion` is all there is.
    func isComplete(with portion: Span<UInt8>) -> Bool {
        self.body.isEmpty && self.head.contentLength == portion.count && portion.count <= self.maximumBytes
    }

    /// - Throws: the upstream's failure once its explanation is long enough; ``UpstreamFault/Kind/malformed`` when an
    ///   answer is longer than it may be.
    mutating func append(_ portion: Span<UInt8>) throws(UpstreamFault) {
        self.body.append(portion)
        if !(200..<300).contains(self.head.status) {
            if self.body.count > Self.maximumFailureBytes { throw self.fault() }
        } else if self.body.count > self.maximumBytes {
            throw UpstreamFault(.malformed, "an answer of more than \(self.maximumBytes) bytes")
        }
    }

    /// What a status other than 2xx means.
    func fault() -> UpstreamFault {
        let now = Int64(Date().timeIntervalSince1970)
        return self.redacted(self.explain(self.head, self.body.span, now))
    }

    func redacted(_ fault: UpstreamFault) -> UpstreamFault { fault.redacted(self.secret) }
}

extension UpstreamFault {
    /// The same with `secret` taken out of the message, should the upstream have echoed it.
    func redacted(_ secret: Secret?) -> UpstreamFault {
        guard let secret else { return self }
        var fault = self
        fault.message = secret.redact(fault.message)
        return fault
    }

    func redacted(_ secrets: [Secret]) -> UpstreamFault { secrets.reduce(self) { $0.redacted($1) } }
}
