internal import GRPCCore

extension ServiceError {
    init(_ error: ModelFileError) {
        let (code, reason) = Self.status(of: error.kind)
        self.init(
            code, reason, error.message, metadata: error.metadata,
            retry: error.kind == .unreachable ? .after(.seconds(5)) : nil)
        if !error.field.isEmpty { self.status.violations = [FieldViolation(error.field, error.message)] }
    }

    private static func status(of kind: ModelFileError.Kind) -> (RPCError.Code, reason: String) {
        switch kind {
        case .invalidRequest: (.invalidArgument, "INVALID_REQUEST")
        case .alreadyExists: (.alreadyExists, "ALREADY_EXISTS")
        case .notFound: (.notFound, "SOURCE_NOT_FOUND")
        case .unreachable: (.unavailable, "SOURCE_UNREACHABLE")
        case .checksumMismatch: (.failedPrecondition, "CHECKSUM_MISMATCH")
        case .notGGUF: (.failedPrecondition, "NOT_GGUF")
        case .truncated: (.failedPrecondition, "TRUNCATED")
        case .unsupportedArchitecture: (.failedPrecondition, "UNSUPPORTED_ARCHITECTURE")
        case .toolMissing: (.failedPrecondition, "TOOL_MISSING")
        case .insufficientDisk: (.failedPrecondition, "INSUFFICIENT_DISK")
        case .notWritable: (.failedPrecondition, "NOT_WRITABLE")
        case .busy: (.aborted, "OPERATION_CONFLICT")
        case .cancelled: (.cancelled, "CANCELLED")
        case .failed: (.internalError, "INSTALL_FAILED")
        }
    }
}
