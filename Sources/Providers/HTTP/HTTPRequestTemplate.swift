package import NIOCore

/// The head that requests to one upstream share, made once.
package struct HTTPRequestTemplate: Sendable {
    /// `POST `
    private let method: [UInt8]
    /// The path that ``request(path:body:requestID:)`` puts its own behind.
    private let basePath: [UInt8]
    /// From the end of the path to the last field.
    private let fields: [UInt8]
    /// A request without a body by its nature says nothing of a length (RFC 9110 §8.6).
    private let saysLength: Bool

    /// - Parameters:
    ///   - path: the whole path, or the beginning of it.
    ///   - fields: names and values, checked by ``HTTPField``.
    package init(method: String = "POST", path: String, origin: HTTPOrigin, fields: [(name: String, value: String)]) {
        self.method = Array("\(method) ".utf8)
        self.basePath = Array(path.utf8)
        var text = " HTTP/1.1\r\nhost: \(origin.hostField)\r\n"
        for field in fields { text += "\(field.name): \(field.value)\r\n" }
        self.fields = Array(text.utf8)
        self.saysLength = method != "GET"
    }

    /// Head and body in one buffer: one system call sends both.
    ///
    /// - Parameters:
    ///   - path: goes behind the template's.
    ///   - requestID: goes into `x-request-id` unless it holds what a header must not.
    package func request(path: String = "", body: [UInt8], requestID: String) -> ByteBuffer {
        let length = self.basePath.count + path.utf8.count + self.fields.count + body.count + 128
        var buffer = ByteBufferAllocator().buffer(capacity: length)
        buffer.writeBytes(self.method)
        buffer.writeBytes(self.basePath)
        buffer.writeString(path)
        if self.basePath.isEmpty, path.isEmpty { buffer.writeStaticString("/") }
        buffer.writeBytes(self.fields)
        if !requestID.isEmpty, requestID.utf8.count <= 128, HTTPField.isValidValue(requestID) {
            buffer.writeStaticString("x-request-id: ")
            buffer.writeString(requestID)
            buffer.writeStaticString("\r\n")
        }
        if self.saysLength {
            buffer.writeStaticString("content-length: ")
            buffer.writeString(String(body.count))
            buffer.writeStaticString("\r\n")
        }
        buffer.writeStaticString("\r\n")
        buffer.writeBytes(body)
        return buffer
    }
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
