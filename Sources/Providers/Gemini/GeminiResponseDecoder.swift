package import Inference

/// Makes events, or a fault, of one response to `generateContent` or `streamGenerateContent`. Pure but for the date.
///
/// What the response is decides, not what was asked for.
package struct GeminiResponseDecoder: ResponseDecoder {
    private var body: GeminiBodyDecoder
    private var collected: CollectedBody
    private var isFailure = false
    private var isJSON = false

    /// - Parameters:
    ///   - delivery: what was asked for; it counts when the response does not tell.
    ///   - messages: the conversation, after which made-up names of calls go on.
    package init(
        delivery: UpstreamRequest.Delivery, messages: [Message] = [], limits: DecoderLimits = DecoderLimits()
    ) {
        self.body = GeminiBodyDecoder(
            expectsStream: delivery == .streamed, ids: GeminiCallIDs(after: messages), limits: limits)
        self.collected = CollectedBody(secret: limits.secret, maximumBytes: limits.maximumBodyBytes) {
            GeminiFaults.fault($0, body: $1, now: $2)
        }
    }

    package var isFinished: Bool { self.body.isFinished }
    package var isWaitingForDetails: Bool { self.body.isWaitingForEnd }

    package mutating func receive(_ head: HTTPResponseHead) throws(UpstreamFault) -> Bool {
        guard self.collected.receive(head) else {
            self.isFailure = true
            return false
        }
        switch head.mediaType {
        case .eventStream: self.body.expectEvents()
        case .json: self.isJSON = true
        case .unspecified: break
        case .other(let type):
            throw UpstreamFault(
                .malformed, "expected text/event-stream or application/json, got \(type)", httpStatus: head.status)
        }
        return true
    }

    package mutating func receive(
        _ portion: Span<UInt8>, into events: inout [InferenceEvent]
    ) throws(UpstreamFault) {
        if self.isFailure { return try self.collected.append(portion) }
        self.body.recognise(portion, isJSON: self.isJSON)
        do throws(UpstreamFault) {
            if !self.body.isWhole {
                try self.body.decode(portion, into: &events)
            } else if self.collected.isComplete(with: portion) {
                // The usual case, one read for all of it, needs no copy.
                try self.body.decodeWhole(portion, into: &events)
            } else {
                try self.collected.append(portion)
            }
        } catch {
            throw self.collected.redacted(error)
        }
    }

    package mutating func end(_ end: ResponseEnd, into events: inout [InferenceEvent]) throws(UpstreamFault) {
        guard !self.isFinished else { return }
        if self.isFailure { throw self.collected.fault() }
        // Once the reason is known, a missing end costs nothing that was said.
        if case .fault(let fault) = end, !self.body.isWaitingForEnd { throw fault }
        do throws(UpstreamFault) {
            guard self.body.isWhole else { return try self.body.finish(end, into: &events) }
            guard end == .complete else {
                throw UpstreamFault(.truncated, "the connection closed in the middle of the answer")
            }
            let whole = self.collected.body
            try self.body.decodeWhole(whole.span, into: &events)
        } catch {
            throw self.collected.redacted(error)
        }
    }
}
