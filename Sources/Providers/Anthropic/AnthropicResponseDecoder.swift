package import Inference

/// Makes events, or a fault, of one response to `POST /messages`. Pure but for the date.
///
/// What the response is decides, not what was asked for.
package struct AnthropicResponseDecoder: ResponseDecoder {
    private enum Mode: Sendable {
        case stream
        case whole
        case failure
    }

    private var mode: Mode
    private var stream: AnthropicStreamDecoder
    private var collected: CollectedBody
    private var isWholeFinished = false

    /// - Parameter delivery: what was asked for; it counts when the response names no media type.
    package init(delivery: UpstreamRequest.Delivery, limits: DecoderLimits = DecoderLimits()) {
        self.mode = delivery == .streamed ? .stream : .whole
        self.stream = AnthropicStreamDecoder(maximumEventBytes: limits.maximumEventBytes)
        self.collected = CollectedBody(secret: limits.secret, maximumBytes: limits.maximumBodyBytes) {
            AnthropicFaults.fault($0, body: $1, now: $2)
        }
    }

    package var isFinished: Bool { self.isWholeFinished || self.stream.isFinished }
    /// Usage comes before the end, never after it.
    package var isWaitingForDetails: Bool { false }

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
        case (_, .fault(let fault)): throw fault
        case (.stream, _):
            do throws(UpstreamFault) {
                try self.stream.finish(into: &events)
            } catch {
                throw self.collected.redacted(error)
            }
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
            events.append(contentsOf: try AnthropicWholeDecoder.decode(body))
            self.isWholeFinished = true
        } catch {
            throw self.collected.redacted(error)
        }
    }
}
