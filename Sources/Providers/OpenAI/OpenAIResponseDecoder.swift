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
    private let dialect: OpenAIDialect
    private let requestID: String
    private let withLogprobs: Bool
    private let repeated: String?

    /// - Parameters:
    ///   - delivery: what was asked for; it counts when the response names no media type.
    ///   - requestID: what ids are made of for tool calls that come without one.
    ///   - withLogprobs: whether the probabilities of tokens were asked for; what comes unasked is not looked at.
    ///   - repeated: the begun answer that a whole one repeats.
    package init(
        delivery: UpstreamRequest.Delivery, dialect: OpenAIDialect = OpenAIDialect(), requestID: String = "",
        withLogprobs: Bool = false, without repeated: String? = nil, limits: DecoderLimits = DecoderLimits()
    ) {
        self.mode = delivery == .streamed ? .stream : .whole
        self.dialect = dialect
        self.requestID = requestID
        self.withLogprobs = withLogprobs
        self.repeated = repeated
        self.stream = OpenAIStreamDecoder(
            dialect: dialect, requestID: requestID, withLogprobs: withLogprobs,
            maximumEventBytes: limits.maximumEventBytes)
        self.collected = CollectedBody(secret: limits.secret, maximumBytes: limits.maximumBodyBytes)
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
            events.append(
                contentsOf: try OpenAIWholeDecoder.decode(
                    body, dialect: self.dialect, requestID: self.requestID, withLogprobs: self.withLogprobs,
                    without: self.repeated))
            self.isWholeFinished = true
        } catch {
            throw self.collected.redacted(error)
        }
    }
}
