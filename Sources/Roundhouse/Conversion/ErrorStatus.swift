internal import GRPCCore
internal import GRPCProtobuf

/// What a client is told of a failure: a gRPC status with `google.rpc` details, at most one of each kind.
///
/// Details share the client's metadata limit (8 KiB by default) and are sent in base64, so what is long is shortened.
struct ErrorStatus: Sendable, Hashable {
    var code: RPCError.Code
    /// UPPER_SNAKE, from a fixed list.
    var reason: String
    /// What happened and what to do, for people.
    var message: String
    /// Every changing value of the message, for programs.
    var metadata: [String: String] = [:]
    /// The fields at fault.
    var violations: [FieldViolation] = []
    /// What is missing or stands in the way.
    var resource: Resource?
    var retry: Retry?
    /// Empty when the request had none.
    var requestID = ""

    /// For `google.rpc.ResourceInfo`.
    struct Resource: Sendable, Hashable {
        /// `roundhouse.v1.Model`.
        var type: String
        var name: String
        var description: String
    }

    /// What to tell a client that would try again by itself.
    enum Retry: Sendable, Hashable {
        /// `RetryInfo`, and the trailer that a client's own retry policy obeys.
        case after(Duration)
        /// The status is one that clients retry, but nothing will change by itself.
        case never
    }

    static let domain = "roundhouse"
    private static let longestMessage = 1200
    private static let longestValue = 200
    private static let mostViolations = 20

    private var googleRPCStatus: GoogleRPCStatus {
        var details: [ErrorDetails] = [
            .errorInfo(
                ErrorDetails.ErrorInfo(
                    reason: self.reason,
                    domain: Self.domain,
                    metadata: self.metadata.mapValues { String($0.prefix(Self.longestValue)) }
                )
            )
        ]
        if !self.violations.isEmpty {
            let shown = self.violations.prefix(Self.mostViolations).map {
                ErrorDetails.BadRequest.FieldViolation(field: $0.field, description: $0.description)
            }
            details.append(.badRequest(violations: shown))
        }
        if let resource = self.resource {
            details.append(
                .resourceInfo(
                    type: resource.type,
                    name: String(resource.name.prefix(Self.longestValue)),
                    errorDescription: resource.description
                )
            )
        }
        if case .after(let delay) = self.retry { details.append(.retryInfo(delay: delay)) }
        if !self.requestID.isEmpty { details.append(.requestInfo(requestID: self.requestID, servingData: "")) }
        return GoogleRPCStatus(code: self.code, message: self.shownMessage, details: details)
    }

    private var shownMessage: String {
        self.message.count > Self.longestMessage ? "\(self.message.prefix(Self.longestMessage))…" : self.message
    }
}

extension ErrorStatus: RPCErrorConvertible {
    var rpcErrorCode: RPCError.Code { self.code }
    var rpcErrorMessage: String { self.shownMessage }

    var rpcErrorMetadata: Metadata {
        var metadata = self.googleRPCStatus.rpcErrorMetadata
        // gRFC A6: what a client's own retry policy obeys; a negative number means that it must not try again.
        switch self.retry {
        case .after(let delay):
            let milliseconds = delay.components.seconds * 1000 + delay.components.attoseconds / 1_000_000_000_000_000
            metadata.addString("\(milliseconds)", forKey: "grpc-retry-pushback-ms")
        case .never:
            metadata.addString("-1", forKey: "grpc-retry-pushback-ms")
        case nil:
            break
        }
        return metadata
    }
}
