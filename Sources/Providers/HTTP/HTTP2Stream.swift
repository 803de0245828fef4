import Inference
import NIOCore
import NIOHPACK
import NIOHTTP2

/// One exchange on an ``HTTP2Connection``.
final class HTTP2Stream {
    let id: HTTP2StreamID
    var busy: HTTPConnectionState.Busy
    /// The peer has taken all of the request and given all of its answer, or has reset the stream.
    var isClosed = false
    /// The current read brought something.
    var isTouched = false
    /// Bytes that the peer may still send, as far as is known.
    var window: Int
    private var hasHead = false
    /// What `content-length` promises and has not come yet.
    private var remaining: Int?

    init(_ id: HTTP2StreamID, _ exchange: any HTTPExchange, window: Int) {
        self.id = id
        self.busy = HTTPConnectionState.Busy(exchange, started: .now())
        self.window = window
    }

    var exchange: any HTTPExchange { self.busy.exchange }

    // MARK: - The answer

    /// - Returns: false when the answer makes no sense and the stream must be reset.
    func receive(_ fields: HPACKHeaders, isEnd: Bool) -> Bool {
        self.busy.hasBytes = true
        if !self.hasHead {
            guard let head = HTTPResponseHead(fields) else { return self.refuse("expected a :status in the answer") }
            // Interim responses come before the real one.
            guard head.status >= 200 || isEnd else { return true }
            self.hasHead = true
            let hasNoBody = head.status == 204 || head.status == 304
            self.remaining = hasNoBody ? nil : head.contentLength
            guard self.exchange.receive(head) else { return false }
        }
        // What follows the body are trailers, of which none is read.
        return isEnd ? self.receiveEnd() : true
    }

    /// - Returns: false when the answer makes no sense and the stream must be reset.
    func receive(_ body: Span<UInt8>, isEnd: Bool) -> Bool {
        self.busy.hasBytes = true
        guard self.hasHead else { return self.refuse("a body came before its head") }
        if let remaining = self.remaining {
            guard body.count <= remaining else { return self.refuse("the body is longer than content-length") }
            self.remaining = remaining - body.count
        }
        if !body.isEmpty, !self.exchange.receive(body) { return false }
        return isEnd ? self.receiveEnd() : true
    }

    private func receiveEnd() -> Bool {
        self.busy.hasEnded = true
        self.exchange.receive(self.remaining ?? 0 == 0 ? .complete : .cut)
        return true
    }

    private func refuse(_ what: String) -> Bool {
        self.exchange.receive(.fault(UpstreamFault(.malformed, what)))
        return false
    }

    // MARK: - Its end before the answer's

    /// The peer reset the stream, or gave the connection up before it had looked at it.
    func receiveReset(_ code: HTTP2ErrorCode) {
        guard !self.busy.hasBytes else { return self.exchange.receive(.cut) }
        let kind: UpstreamFault.Kind =
            switch code {
            case .refusedStream, .enhanceYourCalm: .overloaded(retryAfter: nil)
            default: .unreachable
            }
        self.exchange.receive(
            .fault(
                UpstreamFault(kind, "the upstream reset the request before it answered (\(code.words))\(code.advice)")))
    }

    /// What came on the stream breaks the protocol.
    func receiveViolation(_ code: HTTP2ErrorCode) {
        self.exchange.receive(
            .fault(UpstreamFault(.malformed, "the upstream broke the rules of HTTP/2 (\(code.words))")))
    }

    /// The connection is gone.
    ///
    /// - Parameter farewell: what the peer's GOAWAY gave as its reason.
    func receiveLoss(_ error: (any Error)?, farewell: HTTP2ErrorCode?) {
        guard !self.busy.hasBytes else { return self.exchange.receive(.cut) }
        let reason: String
        if let farewell, farewell != .noError {
            reason = " (\(farewell.words))\(farewell.advice)"
        } else {
            reason = error.map { ": \(HTTPOrigin.describe($0))" } ?? ""
        }
        self.exchange.receive(
            .fault(UpstreamFault(.unreachable, "the upstream closed the connection before it answered\(reason)")))
    }
}

extension HTTP2ErrorCode {
    /// Whether it is HTTP/2 that the peer, or what stands before it, cannot do or get right: no second try over it is any
    /// better.
    var isAboutProtocol: Bool {
        switch self {
        case .http11Required, .inadequateSecurity, .protocolError, .frameSizeError, .compressionError,
            .flowControlError,
            .settingsTimeout:
            true
        default: false
        }
    }

    /// What to do about it, for the end of a sentence; empty where nothing helps.
    var advice: String {
        self.isAboutProtocol ? "; set `http_version: http1` on this provider if it cannot do HTTP/2" : ""
    }

    /// As RFC 9113 §7 names it.
    var words: String {
        switch self {
        case .noError: "NO_ERROR"
        case .protocolError: "PROTOCOL_ERROR"
        case .internalError: "INTERNAL_ERROR"
        case .flowControlError: "FLOW_CONTROL_ERROR"
        case .settingsTimeout: "SETTINGS_TIMEOUT"
        case .streamClosed: "STREAM_CLOSED"
        case .frameSizeError: "FRAME_SIZE_ERROR"
        case .refusedStream: "REFUSED_STREAM"
        case .cancel: "CANCEL"
        case .compressionError: "COMPRESSION_ERROR"
        case .connectError: "CONNECT_ERROR"
        case .enhanceYourCalm: "ENHANCE_YOUR_CALM"
        case .inadequateSecurity: "INADEQUATE_SECURITY"
        case .http11Required: "HTTP_1_1_REQUIRED"
        default: "error \(self.networkCode)"
        }
    }
}
