internal import GRPCCore

/// Just enough protobuf to say when to retry: the bridge has no use for a protobuf library otherwise.
enum StatusDetails {
    /// A serialised `google.rpc.Status` with one `google.rpc.RetryInfo`, for `grpc-status-details-bin`.
    static func retry(after delay: Duration, code: RPCError.Code, message: String) -> [UInt8] {
        let (seconds, attoseconds) = delay.components
        // google.protobuf.Duration: seconds = 1, nanos = 2
        let duration =
            self.field(1, varint: UInt64(max(0, seconds))) + self.field(2, varint: UInt64(attoseconds / 1_000_000_000))
        // google.rpc.RetryInfo: retry_delay = 1
        let retryInfo = self.field(1, bytes: duration)
        // google.protobuf.Any: type_url = 1, value = 2
        let any =
            self.field(1, bytes: Array("type.googleapis.com/google.rpc.RetryInfo".utf8))
            + self.field(2, bytes: retryInfo)
        // google.rpc.Status: code = 1, message = 2, details = 3
        return self.field(1, varint: UInt64(code.rawValue)) + self.field(2, bytes: Array(message.utf8))
            + self.field(3, bytes: any)
    }

    private static func field(_ number: UInt64, varint value: UInt64) -> [UInt8] {
        value == 0 ? [] : self.varint(number << 3) + self.varint(value)
    }

    private static func field(_ number: UInt64, bytes: [UInt8]) -> [UInt8] {
        self.varint(number << 3 | 2) + self.varint(UInt64(bytes.count)) + bytes
    }

    private static func varint(_ value: UInt64) -> [UInt8] {
        var value = value
        var bytes: [UInt8] = []
        while value >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: value) | 0x80)
            value >>= 7
        }
        return bytes + [UInt8(value)]
    }
}
