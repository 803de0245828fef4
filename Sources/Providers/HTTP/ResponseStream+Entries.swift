package import Inference

extension ResponseDecoder {
    package static func accepted(_ stream: ResponseStream<Self>) async throws(UpstreamFault) {
        try await stream.waitUntilAccepted()
    }

    package static func next(_ stream: ResponseStream<Self>) async throws(UpstreamFault) -> [Element]? {
        try await stream.takeNext()
    }

    package static func attach(_ link: HTTPConnectionLink, to stream: ResponseStream<Self>) -> Bool {
        stream.take(link)
    }

    package static func receive(_ head: HTTPResponseHead, by stream: ResponseStream<Self>) -> Bool {
        stream.take(head)
    }

    package static func receive(_ body: Span<UInt8>, by stream: ResponseStream<Self>) -> Bool { stream.take(body) }

    package static func receive(_ end: ResponseEnd, by stream: ResponseStream<Self>) { stream.take(end) }

    package static func flush(_ stream: ResponseStream<Self>) -> ReadAdvice { stream.handOver() }

    package static func cancel(_ stream: ResponseStream<Self>) { stream.giveUp() }
}
