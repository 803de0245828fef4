package import Inference
package import NIOCore

/// The head that requests to one upstream share, made once.
package final class HTTPRequestTemplate: Sendable {
    let method: String
    /// The value of `host`.
    let authority: String
    /// The path that ``request(path:body:requestID:trace:key:)`` puts its own behind.
    let basePath: String
    /// Names in lower case, and values.
    let fields: [(name: String, value: String)]
    /// A request without a body by its nature says nothing of a length (RFC 9110 §8.6).
    let saysLength: Bool
    /// The method and the path, and from the path's end to the last of ``fields``, as HTTP/1.1 has them.
    private let beginning: [UInt8]
    private let ending: [UInt8]

    /// - Parameters:
    ///   - path: the whole path, or the beginning of it.
    ///   - fields: names in lower case and values, checked by ``HTTPField``.
    package init(method: String = "POST", path: String, origin: HTTPOrigin, fields: [(name: String, value: String)]) {
        self.method = method
        self.authority = origin.hostField
        self.basePath = path
        self.fields = fields
        self.saysLength = method != "GET"
        self.beginning = Array("\(method) \(path)".utf8)
        var text = " HTTP/1.1\r\nhost: \(origin.hostField)\r\n"
        for field in fields { text += "\(field.name): \(field.value)\r\n" }
        self.ending = Array(text.utf8)
    }

    /// - Parameters:
    ///   - path: goes behind the template's.
    ///   - requestID: goes into `x-request-id` unless it holds what a header must not.
    ///   - trace: goes into `traceparent` and `tracestate`.
    ///   - key: a field more, whose value is secret.
    package func request(
        path: String = "", body: [UInt8], requestID: String, trace: TraceContext? = nil,
        key: (name: String, value: String)? = nil
    ) -> HTTPRequest {
        let isSayable = !requestID.isEmpty && requestID.utf8.count <= 128 && HTTPField.isValidValue(requestID)
        let keyLength = key.map { $0.name.utf8.count + $0.value.utf8.count + 4 } ?? 0
        let length = self.beginning.count + path.utf8.count + self.ending.count + keyLength + body.count + 256
        var buffer = ByteBufferAllocator().buffer(capacity: length)
        buffer.writeBytes(self.beginning)
        buffer.writeString(path)
        if self.basePath.isEmpty, path.isEmpty { buffer.writeStaticString("/") }
        buffer.writeBytes(self.ending)
        if let key { Self.write(key.name, key.value, to: &buffer) }
        if isSayable { Self.write("x-request-id", requestID, to: &buffer) }
        if let trace {
            Self.write("traceparent", trace.traceparent, to: &buffer)
            if let state = trace.state { Self.write("tracestate", state.description, to: &buffer) }
        }
        if self.saysLength { Self.write("content-length", String(body.count), to: &buffer) }
        buffer.writeStaticString("\r\n")
        let bodyStart = buffer.writerIndex
        buffer.writeBytes(body)
        return HTTPRequest(
            bytes: buffer, bodyStart: bodyStart, template: self, path: path, requestID: isSayable ? requestID : nil,
            trace: trace, key: key)
    }

    private static func write(_ name: String, _ value: String, to buffer: inout ByteBuffer) {
        buffer.writeString(name)
        buffer.writeStaticString(": ")
        buffer.writeString(value)
        buffer.writeStaticString("\r\n")
    }
}

/// A request that can be sent, more than once, over either version of HTTP.
package struct HTTPRequest: Sendable {
    /// Head and body for HTTP/1.1 in one buffer: one system call sends both.
    package let bytes: ByteBuffer
    /// Where the body begins in ``bytes``.
    let bodyStart: Int
    let template: HTTPRequestTemplate
    /// What goes behind the template's path.
    let path: String
    let requestID: String?
    let trace: TraceContext?
    let key: (name: String, value: String)?
    /// Whom it asks, for who counts those that wait. Not sent: the body says it.
    var model = ""
}

/// What may stand in a header field (RFC 9110 §5), stricter than the standard: nothing beyond printable ASCII.
package enum HTTPField {
    package static func isValidName(_ name: String) -> Bool {
        !name.isEmpty
            && name.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }

    package static func isValidValue(_ value: String) -> Bool {
        value.utf8.allSatisfy { ($0 >= 0x20 && $0 < 0x7F) || $0 == 0x09 }
    }
}
