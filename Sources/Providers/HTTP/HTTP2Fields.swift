import Inference
import NIOCore
import NIOHPACK

extension HTTPRequest {
    /// The head as HTTP/2 has it (RFC 9113 §8.3.1), for `https`.
    ///
    /// What may be secret never enters a compression table, ours or a proxy's (RFC 7541 §7.1.3); what differs with every
    /// request does not either, since it would push out what is the same.
    var http2Head: HPACKHeaders {
        var head = HPACKHeaders()
        head.reserveCapacity(self.template.fields.count + 9)
        let path = self.template.basePath + self.path
        head.add(name: ":method", value: self.template.method)
        head.add(name: ":scheme", value: "https")
        head.add(name: ":authority", value: self.template.authority)
        head.add(name: ":path", value: path.isEmpty ? "/" : path)
        for field in self.template.fields where !Self.connectionFields.contains(field.name) {
            head.add(
                name: field.name, value: field.value,
                indexing: Self.publicFields.contains(field.name) ? .indexable : .neverIndexed)
        }
        if let key = self.key { head.add(name: key.name, value: key.value, indexing: .neverIndexed) }
        if let requestID = self.requestID {
            head.add(name: "x-request-id", value: requestID, indexing: .nonIndexable)
        }
        if let trace = self.trace {
            head.add(name: "traceparent", value: trace.traceparent, indexing: .nonIndexable)
            if let state = trace.state {
                head.add(name: "tracestate", value: state.description, indexing: .nonIndexable)
            }
        }
        if self.template.saysLength {
            head.add(name: "content-length", value: String(self.bodyLength), indexing: .nonIndexable)
        }
        return head
    }

    var bodyLength: Int { self.bytes.writerIndex - self.bodyStart }

    /// What is the connection's in HTTP/1.1 has no place in HTTP/2 (RFC 9113 §8.2.2).
    private static let connectionFields: Set<String> = [
        "connection", "keep-alive", "transfer-encoding", "upgrade", "host",
    ]
    /// The same for every request, and no secret.
    private static let publicFields: Set<String> = ["user-agent", "content-type", "accept", "accept-encoding"]
}

extension HTTPResponseHead {
    /// - Returns: `nil` when there is no status.
    init?(_ fields: HPACKHeaders) {
        guard let status = fields.first(name: ":status").flatMap({ Int($0) }), (100...999).contains(status) else {
            return nil
        }
        self.init(status: status)
        for field in fields {
            switch field.name {
            case "content-encoding": self.contentEncoding = field.value
            case "content-length": self.contentLength = Int(field.value).flatMap { $0 < 0 ? nil : $0 }
            case "content-range": self.contentRange = field.value
            case "content-type":
                let bytes = Array(field.value.utf8)
                self.mediaType = MediaType(bytes.span)
            case "etag": self.entityTag = field.value
            case "last-modified": self.lastModified = field.value
            case "location": self.location = field.value
            case "retry-after": self.retryAfter = field.value
            case "retry-after-ms": self.retryAfterMilliseconds = field.value
            case "x-request-id": self.requestID = field.value
            default: break
            }
        }
    }
}
