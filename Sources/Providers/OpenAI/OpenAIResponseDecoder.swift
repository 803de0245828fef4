import FoundationEssentials
package import Inference

/// Makes events, or a fault, of one response to `POST /chat/completions`. Pure but for the date.
///
/// What the response is decides, not what was asked for: some servers answer a request for a stream with one body.
package struct OpenAIResponseDecoder: ResponseDecoder {
    private enum Mode: Sendable {
        case stream
        case whole
        case failure
    }

    private var mode: Mode
    private var stream: OpenAIStreamDecoder
    private var collected: CollectedBody
    private var isWholeFinished = false

    /// - Parameters:
    ///   - delivery: what was asked for; it counts when the response names no media type.
    ///   - secret: taken out of what upstreams say.
    package init(
        delivery: UpstreamRequest.Delivery, secret: Secret? = nil, maximumEventBytes: Int = 1 << 20,
        maximumBodyBytes: Int = 32 << 20
    ) {
        self.mode = delivery == .streamed ? .stream : .whole
        self.stream = OpenAIStreamDecoder(maximumEventBytes: maximumEventBytes)
        self.collected = CollectedBody(secret: secret, maximumBytes: maximumBodyBytes)
    }

    package var isFinished: Bool { self.isWholeFinished || self.stream.isFinished }
    package var isWaitingForDetails: Bool { self.mode == .stream && self.stream.isWaitingForUsage }

    package mutating func receive(_ head: HTTPResponseHead) throws(UpstreamFault) -> Bool {
        guard self.collected.receive(head) else {
            self.mode = .failure
            return false
        }
        switch head.mediaType {
        case .eventStream: self.mode = .stream
        case .json: self.mode = .whole
        case .unspecified: break
        case .other(let type):
            throw UpstreamFault(
                .malformed, "expected text/event-stream or application/json, got \(type)", httpStatus: head.status)
        }
        return true
    }

    package mutating func receive(
        _ body: Span<UInt8>, into events: inout [InferenceEvent]
    ) throws(UpstreamFault) {
        switch self.mode {
        case .stream:
            do throws(UpstreamFault) {
                try self.stream.decode(body, into: &events)
            } catch {
                throw self.collected.redacted(error)
            }
        case .whole where self.collected.isComplete(with: body):
            // The usual case, one read for all of it, needs no copy.
            try self.decodeWhole(body, into: &events)
        case .whole, .failure: try self.collected.append(body)
        }
    }

    package mutating func end(_ end: ResponseEnd, into events: inout [InferenceEvent]) throws(UpstreamFault) {
        guard !self.isFinished else { return }
        switch (self.mode, end) {
        case (.failure, _): throw self.collected.fault()
        // Once the reason is known, a missing end costs the usage at most.
        case (.stream, _) where self.stream.isWaitingForUsage: try self.stream.finish(into: &events)
        case (_, .fault(let fault)): throw fault
        case (.stream, _): try self.stream.finish(into: &events)
        case (.whole, .complete):
            let body = self.collected.body
            try self.decodeWhole(body.span, into: &events)
        case (.whole, .cut), (.whole, .patienceOver):
            throw UpstreamFault(.truncated, "the connection closed in the middle of the answer")
        }
    }

    private mutating func decodeWhole(
        _ body: Span<UInt8>, into events: inout [InferenceEvent]
    ) throws(UpstreamFault) {
        do throws(UpstreamFault) {
            events.append(contentsOf: try OpenAIWholeDecoder.decode(body))
            self.isWholeFinished = true
        } catch {
            throw self.collected.redacted(error)
        }
    }
}

/// A body that is read to its end, be it an answer or an explanation of a failure.
struct CollectedBody: Sendable {
    /// Explanations are short; more of one is not read.
    static let maximumFailureBytes = 64 * 1024

    private(set) var head = HTTPResponseHead(status: 0)
    private(set) var body: [UInt8] = []
    private let secret: Secret?
    private let maximumBytes: Int

    init(secret: Secret?, maximumBytes: Int) {
        self.secret = secret
        self.maximumBytes = maximumBytes
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
        return self.redacted(OpenAIFaults.fault(self.head, body: self.body.span, now: now))
    }

    func redacted(_ fault: UpstreamFault) -> UpstreamFault {
        guard let secret = self.secret else { return fault }
        var fault = fault
        fault.message = secret.redact(fault.message)
        return fault
    }
}
