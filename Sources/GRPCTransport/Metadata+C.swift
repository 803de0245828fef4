internal import CGRPC
internal import GRPCCore

extension String {
    /// A copy of borrowed text. Bytes that are no UTF-8 become U+FFFD.
    init(_ view: cgrpc_view) {
        let bytes = unsafe UnsafeRawBufferPointer(start: view.bytes, count: view.count)
        self = unsafe String(decoding: bytes, as: UTF8.self)
    }

    /// Lends the text to C.
    func withView<R>(_ body: (cgrpc_view) throws -> R) rethrows -> R {
        var copy = self
        return try copy.withUTF8 { utf8 in
            let start = unsafe UnsafeRawPointer(utf8.baseAddress)?.assumingMemoryBound(to: CChar.self)
            return try unsafe body(cgrpc_view(bytes: start, count: utf8.count))
        }
    }
}

extension Metadata {
    /// A copy of received metadata.
    init(_ headers: cgrpc_headers) {
        self.init()
        let entries = unsafe UnsafeBufferPointer(start: headers.entries, count: headers.count)
        for index in entries.indices {
            let entry = unsafe entries[index]
            let key = unsafe String(entry.key)
            if key.hasSuffix("-bin") {
                let bytes = unsafe UnsafeRawBufferPointer(start: entry.value.bytes, count: entry.value.count)
                self.addBinary(unsafe [UInt8](bytes), forKey: key)
            } else {
                self.addString(unsafe String(entry.value), forKey: key)
            }
        }
    }

    /// Headers that belong to gRPC itself: it sets them, whatever the metadata says.
    private static let reserved: Set<String> = [
        "content-type", "te", "user-agent", "host", "connection", "grpc-timeout", "grpc-status", "grpc-message",
        "grpc-encoding", "grpc-accept-encoding", "grpc-internal-encoding-request",
    ]

    /// Lends each entry to C, key in lower case, `-bin` values as bytes. Entries that belong to gRPC are left out.
    ///
    /// - Throws: what `body` throws, and `RPCError` with `.invalidArgument` for a `-bin` string that is not base64.
    func forEachView(_ body: (_ key: cgrpc_view, _ value: cgrpc_view) throws -> Void) throws {
        for (name, value) in self {
            let key = name.lowercased()
            if Metadata.reserved.contains(key) { continue }
            switch value {
            case .string(let string) where key.hasSuffix("-bin"):
                guard let bytes = Base64.decode(string) else {
                    throw RPCError(
                        code: .invalidArgument,
                        message: "The metadata value of \"\(key)\" is a string but not base64; add it as binary."
                    )
                }
                try unsafe key.withView { key in try unsafe bytes.withView { unsafe try body(key, $0) } }
            case .string(let string):
                try unsafe key.withView { key in try unsafe string.withView { unsafe try body(key, $0) } }
            case .binary(let bytes):
                try unsafe key.withView { key in try unsafe bytes.withView { unsafe try body(key, $0) } }
            }
        }
    }
}

extension [UInt8] {
    /// Lends the bytes to C.
    func withView<R>(_ body: (cgrpc_view) throws -> R) rethrows -> R {
        try unsafe self.withUnsafeBytes { bytes in
            let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            return try unsafe body(cgrpc_view(bytes: start, count: bytes.count))
        }
    }
}

extension RPCError {
    /// The error for metadata that HTTP/2 cannot carry.
    static func illegalMetadata(key: String) -> RPCError {
        RPCError(
            code: .invalidArgument,
            message: """
                The metadata entry "\(key)" cannot be sent: a key is made of a-z, 0-9, '_', '-' and '.', and the value \
                of a key that does not end in "-bin" of printable ASCII.
                """
        )
    }
}

/// RFC 4648 section 4, padding optional, as gRPC's binary headers want it.
enum Base64 {
    /// Nil if the text is not base64.
    static func decode(_ text: String) -> [UInt8]? {
        var result: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        var digits = text.utf8[...]
        while digits.last == UInt8(ascii: "=") { digits.removeLast() }
        guard digits.count % 4 != 1 else { return nil }
        for digit in digits {
            guard let value = self.value(of: digit) else { return nil }
            bits = bits << 6 | value
            count += 6
            if count >= 8 {
                count -= 8
                result.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return result
    }

    private static func value(of digit: UInt8) -> UInt32? {
        switch digit {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(digit - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(digit - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(digit - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
