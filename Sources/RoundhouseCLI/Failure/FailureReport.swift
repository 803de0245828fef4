internal import FoundationEssentials
internal import GRPCCore
internal import GRPCProtobuf

/// An error in the words that a person, or a script, can act on.
struct FailureReport: Sendable, Hashable {
    struct Violation: Sendable, Hashable, Encodable {
        var field: String
        var description: String
    }

    var status: ExitStatus
    /// The gRPC status in UPPER_SNAKE, as the documentation writes it. Nil: the error did not come over gRPC.
    var code: String?
    var message: String
    /// `ErrorInfo.reason`. Nil where the server gave none, or the error arose before the server was reached.
    var reason: String?
    var metadata: [String: String] = [:]
    var violations: [Violation] = []
    var attempts: [String] = []
    /// Figures behind the message, one line each.
    var facts: [String] = []
    /// The expression at fault, and a mark under the place.
    var excerpt: [String] = []
    /// Of a configuration, one sentence each.
    var problems: [String] = []
    var requestID: String?
    /// How long to stay away, where the server said so.
    var retryDelay: Duration?
    var hint: String?

    /// - Parameter address: of the server that was asked, for the advice. Nil: no server was involved.
    init(_ error: any Error, address: String? = nil) {
        switch error {
        case let error as RPCError:
            self.init(error, address: address)
        case let error as ExpressionError:
            self.init(error.error, address: address)
            self.excerpt = Self.excerpt(of: error.expressions, self.metadata)
        case let failure as CommandFailure:
            self.init(failure)
        case is CancellationError:
            self.init(.local("the command was cancelled", hint: nil))
        default:
            self.init(.local(String(describing: error), hint: nil))
        }
    }

    private init(_ failure: CommandFailure) {
        switch failure {
        case .usage(let message):
            (self.status, self.message) = (.usage, message)
        case .configuration(let problems):
            self.status = .configuration
            self.message = "the configuration has \(Figures.count(Int64(problems.count), "problem"))"
            self.problems = problems
        case .unreachable(let message):
            (self.status, self.message) = (.unavailable, message)
        case .brokenPromise(let message):
            (self.status, self.message) = (.failure, message)
            self.hint = "the server may run another version; compare 'roundhouse --version' with 'roundhouse status'"
        case .notFound(let message, let hint):
            (self.status, self.message, self.hint) = (.notFound, message, hint)
        case .local(let message, let hint):
            (self.status, self.message, self.hint) = (.failure, message, hint)
        }
    }

    private init(_ error: RPCError, address: String?) {
        self.status = ExitStatus(error.code)
        self.code = error.code.screamingName
        self.message = error.message.isEmpty ? "the server gave no reason" : error.message
        // Details that cannot be read are no reason to hide the error that they belong to.
        let details = (try? error.unpackGoogleRPCStatus())?.details ?? []
        for detail in details {
            self.take(detail)
        }
        self.facts = self.reason.map { FailureAdvice.facts($0, self.metadata) } ?? []
        self.hint =
            self.reason.flatMap { FailureAdvice.hint($0, self.metadata) }
            ?? Self.encryptionHint(error, reason: self.reason)
            ?? Self.hint(code: error.code, reason: self.reason, address: address)
    }

    /// Of the field that the server names, where it says at which character.
    private static func excerpt(of expressions: [String: String], _ metadata: [String: String]) -> [String] {
        guard let expression = metadata["field"].flatMap({ expressions[$0] }),
            let position = metadata["position"].flatMap({ Int($0) })
        else { return [] }
        return ExpressionExcerpt(expression, position: position)?.lines ?? []
    }

    private mutating func take(_ detail: ErrorDetails) {
        if let info = detail.errorInfo {
            self.reason = info.reason
            self.metadata = info.metadata
            self.attempts = Self.attempts(in: info.metadata)
        } else if let request = detail.badRequest {
            self.violations += request.violations.map {
                Violation(field: $0.field, description: $0.violationDescription)
            }
        } else if let retry = detail.retryInfo {
            self.retryDelay = retry.delay
        } else if let request = detail.requestInfo {
            self.requestID = request.requestID
        }
    }

    /// The server numbers what it tried: `attempt_1`, `attempt_2` and so on.
    private static func attempts(in metadata: [String: String]) -> [String] {
        metadata
            .compactMap { key, value -> (Int, String)? in
                guard key.hasPrefix("attempt_"), let number = Int(key.dropFirst("attempt_".count)) else { return nil }
                return (number, value)
            }
            .sorted { $0.0 < $1.0 }
            .map(\.1)
    }

    /// Of a connection that failed because one side speaks TLS and the other does not, or does not trust. gRPC tells it
    /// in words only.
    private static func encryptionHint(_ error: RPCError, reason: String?) -> String? {
        guard reason == nil, error.code == .unavailable else { return nil }
        let words = error.message.lowercased()
        if words.contains("handshake failed") {
            return "does the server speak TLS, with a certificate that --ca vouches for? without TLS leave --tls out"
        }
        if words.contains("socket closed") || words.contains("connection reset") {
            return "if the server speaks TLS, add --tls"
        }
        return nil
    }

    /// What to do about it by the status, for reasons that say nothing of it and when the server did not speak.
    private static func hint(code: RPCError.Code, reason: String?, address: String?) -> String? {
        switch (reason, code) {
        case (nil, .unavailable):
            "is the server running\(address.map { " at \($0)" } ?? "")? start it with 'roundhouse serve', "
                + "or name another with --address or ROUNDHOUSE_ADDRESS"
        case (_, .deadlineExceeded):
            "allow more time with --timeout"
        case (nil, .unauthenticated):
            "show who you are with --certificate and --private-key"
        case (nil, .unimplemented):
            "the server at this address is not Roundhouse, or a version that cannot do this"
        default:
            nil
        }
    }
}

// MARK: - For people

extension FailureReport {
    /// One line for what happened, further ones for what it does not say yet, and what to do.
    var text: String {
        let origin = [self.code, self.reason].compactMap { $0 }.joined(separator: ", ")
        var lines = [self.message + (origin.isEmpty ? "" : " (\(origin))")]
        lines += self.violations.filter { !self.message.contains($0.description) }
            .map { "  \($0.field): \($0.description)" }
        lines += self.excerpt.map { "  \($0)" }
        lines += self.facts.map { "  \($0)" }
        // Not indented, so that editors find the FILE:LINE:COLUMN in front.
        lines += self.problems
        lines += self.attempts.filter { !self.message.contains($0) }.map { "  tried \($0)" }
        if let hint = self.hint { lines.append("  \(hint)") }
        return lines.map(TerminalText.sanitized).joined(separator: "\n") + "\n"
    }
}

// MARK: - For programs

extension FailureReport: Encodable {
    private enum CodingKeys: String, CodingKey {
        case error
    }

    private enum ErrorKeys: String, CodingKey {
        case exitStatus, code, message, reason, metadata, violations, attempts, problems, requestId, retryDelaySeconds,
            hint
    }

    func encode(to encoder: any Encoder) throws {
        var outer = encoder.container(keyedBy: CodingKeys.self)
        var container = outer.nestedContainer(keyedBy: ErrorKeys.self, forKey: .error)
        try container.encode(self.status.rawValue, forKey: .exitStatus)
        try container.encodeIfPresent(self.code, forKey: .code)
        try container.encode(self.message, forKey: .message)
        try container.encodeIfPresent(self.reason, forKey: .reason)
        if !self.metadata.isEmpty { try container.encode(self.metadata, forKey: .metadata) }
        if !self.violations.isEmpty { try container.encode(self.violations, forKey: .violations) }
        if !self.attempts.isEmpty { try container.encode(self.attempts, forKey: .attempts) }
        if !self.problems.isEmpty { try container.encode(self.problems, forKey: .problems) }
        try container.encodeIfPresent(self.requestID, forKey: .requestId)
        try container.encodeIfPresent(self.retryDelay?.inSeconds, forKey: .retryDelaySeconds)
        try container.encodeIfPresent(self.hint, forKey: .hint)
    }

    /// One line of JSON.
    var json: String {
        JSONLine.encoded(self) ?? #"{"error":{"message":"the error cannot be shown as JSON"}}"#
    }
}

/// One line of JSON for values of our own; messages of the API have protobuf's JSON.
enum JSONLine {
    /// Nil: the value holds something that JSON cannot, such as an infinite number.
    static func encoded(_ value: some Encodable) -> String? {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let bytes = try? encoder.encode(value) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension RPCError.Code {
    /// UPPER_SNAKE, as in the gRPC documentation. GRPCCore's own description is for Swift programmers.
    var screamingName: String {
        switch self {
        case .cancelled: "CANCELLED"
        case .unknown: "UNKNOWN"
        case .invalidArgument: "INVALID_ARGUMENT"
        case .deadlineExceeded: "DEADLINE_EXCEEDED"
        case .notFound: "NOT_FOUND"
        case .alreadyExists: "ALREADY_EXISTS"
        case .permissionDenied: "PERMISSION_DENIED"
        case .resourceExhausted: "RESOURCE_EXHAUSTED"
        case .failedPrecondition: "FAILED_PRECONDITION"
        case .aborted: "ABORTED"
        case .outOfRange: "OUT_OF_RANGE"
        case .unimplemented: "UNIMPLEMENTED"
        case .internalError: "INTERNAL"
        case .unavailable: "UNAVAILABLE"
        case .dataLoss: "DATA_LOSS"
        case .unauthenticated: "UNAUTHENTICATED"
        default: "CODE_\(self.rawValue)"
        }
    }
}
