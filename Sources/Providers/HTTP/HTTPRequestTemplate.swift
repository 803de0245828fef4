package import NIOCore

/// The head that every request to one path of one upstream shares, made once.
package struct HTTPRequestTemplate: Sendable {
    private let prefix: [UInt8]
    /// A request without a body by its nature says nothing of a length (RFC 9110 §8.6).
    private let saysLength: Bool

    /// - Parameters:
    ///   - fields: names and values, checked by ``HTTPField``.
    package init(method: String = "POST", path: String, origin: HTTPOrigin, fields: [(name: String, value: String)]) {
        var text = "\(method) \(path.isEmpty ? "/" : path) HTTP/1.1\r\nhost: \(origin.hostField)\r\n"
        for field in fields { text += "\(field.name): \(field.value)\r\n" }
        self.prefix = Array(text.utf8)
        self.saysLength = method != "GET"
    }

    /// Head and body in one buffer: one system call sends both.
    ///
    /// - Parameter requestID: goes into `x-request-id` unless it holds what a header must not.
    package func request(body: [UInt8], requestID: String) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: self.prefix.count + body.count + 128)
        buffer.writeBytes(self.prefix)
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
