internal import GRPCCore

extension ServiceError {
    init(_ error: ModelFileError) {
        let shape = Self.shape(of: error.kind)
        self.init(shape.code, shape.reason, error.message, metadata: shape.metadata, retry: shape.retry)
    }

    private typealias Shape = (
        code: RPCError.Code, reason: String, metadata: [String: String], retry: ErrorStatus.Retry?
    )

    private static func shape(of kind: ModelFileError.Kind) -> Shape {
        switch kind {
        case .invalidSource: (.invalidArgument, "INVALID_SOURCE", [:], nil)
        case .notFound: (.notFound, "SOURCE_NOT_FOUND", [:], nil)
        case .unreachable: (.unavailable, "SOURCE_UNREACHABLE", [:], .after(.seconds(5)))
        case .checksumMismatch(let expected, let actual):
            (.failedPrecondition, "CHECKSUM_MISMATCH", ["expected": expected, "actual": actual], nil)
        case .notGGUF: (.failedPrecondition, "NOT_GGUF", [:], nil)
        case .truncated(let expected, let actual):
            (
                .failedPrecondition, "TRUNCATED", ["expected_bytes": "\(expected)", "actual_bytes": "\(actual)"], nil
            )
        case .unsupportedArchitecture(let architecture):
            (.failedPrecondition, "UNSUPPORTED_ARCHITECTURE", ["architecture": architecture], nil)
        case .insufficientDisk(let needed, let available):
            (
                .failedPrecondition, "INSUFFICIENT_DISK",
                ["needed_bytes": "\(needed)", "available_bytes": "\(available)"], nil
            )
        case .notWritable: (.failedPrecondition, "NOT_WRITABLE", [:], nil)
        case .busy: (.aborted, "OPERATION_CONFLICT", [:], nil)
        case .cancelled: (.cancelled, "CANCELLED", [:], nil)
        case .failed: (.internalError, "INSTALL_FAILED", [:], nil)
        }
    }
}
