package import Inference

/// Makes sense of one response: the head and the body's bytes in, typed elements out. Pure; knows no socket, no clock.
///
/// It runs on the event loop that reads the connection, so that the consumer is woken once for what one read brought.
package protocol ResponseDecoder: Sendable {
    /// What the consumer of the response gets.
    associatedtype Element: Sendable

    /// Takes the head.
    ///
    /// - Returns: whether the upstream accepted the request. When not, the decoder reads on to learn why, and throws.
    mutating func receive(_ head: HTTPResponseHead) throws(UpstreamFault) -> Bool

    /// Takes the next bytes of the body and appends what they complete.
    mutating func receive(_ body: Span<UInt8>, into elements: inout [Element]) throws(UpstreamFault)

    /// The response is over, or will not go on: appends what was held back, or says why that is no proper end.
    mutating func end(_ end: ResponseEnd, into elements: inout [Element]) throws(UpstreamFault)

    /// Nothing that may still come changes the elements. The connection is read to its end behind the consumer's back.
    var isFinished: Bool { get }

    /// The answer is there but for details that some upstreams never send: ``ResponseEnd/patienceOver`` follows soon.
    var isWaitingForDetails: Bool { get }

    #if !DECODERS_ALONE
    // What the stream of a response does. It is reached through `any HTTPExchange` and `any UpstreamStream`, where a generic
    // class has one body for every decoder, which looks up each layout and each method at run time. Through a requirement
    // of a concrete decoder it has a body for that decoder alone. There is one implementation; no decoder has its own.
    static func accepted(_ stream: ResponseStream<Self>) async throws(UpstreamFault)
    static func next(_ stream: ResponseStream<Self>) async throws(UpstreamFault) -> [Element]?
    static func attach(_ link: HTTPConnectionLink, to stream: ResponseStream<Self>) -> Bool
    static func receive(_ head: HTTPResponseHead, by stream: ResponseStream<Self>) -> Bool
    static func receive(_ body: Span<UInt8>, by stream: ResponseStream<Self>) -> Bool
    static func receive(_ end: ResponseEnd, by stream: ResponseStream<Self>)
    static func flush(_ stream: ResponseStream<Self>) -> ReadAdvice
    static func cancel(_ stream: ResponseStream<Self>)
    #endif
}

/// How a response ended.
package enum ResponseEnd: Sendable, Hashable {
    /// With all that its framing promised.
    case complete
    /// The peer closed the connection in the middle.
    case cut
    /// The details did not come: see ``ResponseDecoder/isWaitingForDetails``.
    case patienceOver
    /// A time limit, or bytes that make no sense.
    case fault(UpstreamFault)
}

/// Time limits of a request. None may be zero.
package struct HTTPTimeouts: Sendable, Hashable {
    /// For TCP and TLS together.
    package var connect: Duration = .seconds(5)
    /// From sending the request to the first element that the decoder made: comments and pings of a stream are none. An
    /// answer that comes whole is its first element.
    package var firstToken: Duration = .seconds(120)
    /// The same from handing in the request, connecting and queueing included; `nil`: ``firstToken`` alone counts.
    package var firstTokenOverall: Duration?
    /// Between two portions of elements, while somebody takes them.
    package var idle: Duration = .seconds(120)
    /// From handing in the request, waiting for a connection included, to the answer's end.
    package var total: Duration = .seconds(1800)
    /// For one of the connections to become free.
    package var queue: Duration = .seconds(10)
    /// For details after the answer: see ``ResponseDecoder/isWaitingForDetails``; and for the response's end after that.
    package var patience: Duration = .seconds(2)
    /// How long a connection without a request is kept.
    package var keepAlive: Duration = .seconds(55)
    /// HTTP/2 only: the silence of a connection with requests after which the peer is asked whether it is still there, and
    /// the time that it has to answer.
    package var liveness: Duration = .seconds(20)

    package init() {}
}

/// Bounds on what one upstream may hold of ours.
package struct HTTPLimits: Sendable, Hashable {
    /// Connections open or opening at once.
    package var connections: Int = 1024
    /// Requests under way at once, over however many connections.
    package var concurrentRequests: Int = 1024
    /// HTTP/2 only: requests on one connection at once, should the peer allow as many.
    package var streamsPerConnection: Int = 100
    /// Requests that wait for their turn; one more is ``UpstreamFault/Kind/overloaded(retryAfter:)``.
    package var waitingRequests: Int = 1024
    /// Bytes of an answer that wait for their consumer before the socket is no longer read.
    package var bufferedBytes: Int = 256 * 1024

    package init() {}
}
