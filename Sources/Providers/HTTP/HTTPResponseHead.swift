/// The part of a response's head that Roundhouse reads.
package struct HTTPResponseHead: Sendable, Hashable {
    package var status: Int
    package var mediaType: MediaType = .unspecified
    /// As it was written: seconds or a date.
    package var retryAfter: String?
    /// `retry-after-ms`, which OpenAI and Azure send beside it.
    package var retryAfterMilliseconds: String?
    package var location: String?
    /// The upstream's own name of the request, for its support.
    package var requestID: String?
    /// `nil` for a chunked body and for one that ends with the connection.
    package var contentLength: Int?
    /// Which version of a file the body is, as it was written.
    package var entityTag: String?
    /// When the file was changed, as it was written.
    package var lastModified: String?
    /// Which part of a file the body is, as it was written: `bytes 100-199/200`.
    package var contentRange: String?
    /// A compression that nobody asked for.
    package var contentEncoding: String?

    package init(status: Int) {
        self.status = status
    }

    package enum MediaType: Sendable, Hashable {
        case unspecified
        case json
        case eventStream
        case other(String)

        /// - Parameter value: the field's value, parameters such as `charset` included.
        init(_ value: Span<UInt8>) {
            let end = value.firstIndex(of: UInt8(ascii: ";"))
            let type = value.extracting(value.trimmedRange(0..<end))
            if type.equalsIgnoringCase("text/event-stream") {
                self = .eventStream
            } else if type.equalsIgnoringCase("application/json") {
                self = .json
            } else {
                self = type.isEmpty ? .unspecified : .other(type.excerpt)
            }
        }
    }
}
