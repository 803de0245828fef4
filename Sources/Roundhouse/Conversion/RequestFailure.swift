internal import GRPCCore
internal import Inference
internal import Routing

/// A ``RequestError`` on its way to the client: becomes a gRPC status with `google.rpc` details.
///
/// Details share the client's metadata limit (8 KiB by default), so attempts and messages are shortened to fit.
struct RequestFailure: Error, Sendable, Hashable {
    var cause: RequestError
    /// Empty when the request had none yet.
    var requestID: String

    private static let mostAttemptsShown = 6
    private static let longestMessageShown = 200

    var code: RPCError.Code {
        switch self.cause {
        case .invalidRequest, .requirementsNotMet: .invalidArgument
        case .modelNotFound: .notFound
        case .nobodyReady: .unavailable
        case .allFailed(let attempts): Self.verdict(over: attempts).code
        case .interrupted(let attempt, _): attempt.fault.map(FaultStatus.init)?.code ?? .unavailable
        case .cancelled: .cancelled
        case .deadlineExceeded: .deadlineExceeded
        }
    }

    /// One sentence that says what happened and names everyone who was asked.
    var message: String {
        switch self.cause {
        case .invalidRequest(let violations):
            violations.map { "\($0.field) \($0.description)" }.joined(separator: "; ")
        case .modelNotFound(let requested):
            "model '\(requested)' does not exist; ListModels lists those that do"
        case .nobodyReady(let unavailable) where unavailable.isEmpty:
            "no model is configured: add a provider to the configuration or install a local engine with "
                + "'roundhouse engines install llama.cpp'"
        case .nobodyReady(let unavailable):
            "no model is ready: " + Self.listing(unavailable.map { "\($0.model): \($0.reason)" })
        case .requirementsNotMet(let unmet):
            (unmet.count == 1 ? "" : "no model is what the request requires: ")
                + Self.listing(unmet.map(Self.sentence))
        case .allFailed(let attempts):
            (attempts.count == 1 ? "" : "every model failed: ") + Self.listing(attempts.map(Self.sentence))
        case .interrupted(let attempt, let sent):
            "the answer was cut after \(sent.textBytes) bytes of text: \(Self.sentence(attempt))"
        case .cancelled:
            "the client cancelled the request"
        case .deadlineExceeded:
            "the client's deadline passed before the answer was whole"
        }
    }

    /// UPPER_SNAKE, from a fixed list.
    var reason: String {
        switch self.cause {
        case .invalidRequest: "INVALID_REQUEST"
        case .modelNotFound: "MODEL_NOT_FOUND"
        case .nobodyReady: "NO_READY_MODEL"
        case .requirementsNotMet(let unmet): Self.reason(of: unmet)
        case .allFailed(let attempts): Self.verdict(over: attempts).reason
        case .interrupted(let attempt, _): attempt.fault.map { FaultStatus($0).reason } ?? "UPSTREAM_ERROR"
        case .cancelled: "CANCELLED"
        case .deadlineExceeded: "DEADLINE_EXCEEDED"
        }
    }

    /// How long a client should stay away, where "later" helps.
    var retryDelay: Duration? {
        switch self.cause {
        case .nobodyReady(let unavailable):
            return unavailable.isEmpty ? nil : .seconds(1)
        case .allFailed(let attempts):
            guard self.code == .unavailable || self.code == .resourceExhausted else { return nil }
            return attempts.compactMap { $0.fault?.retryAfter }.min() ?? .seconds(1)
        case .invalidRequest, .modelNotFound, .requirementsNotMet, .interrupted, .cancelled, .deadlineExceeded:
            return nil
        }
    }

    var status: ErrorStatus {
        var status = ErrorStatus(
            code: self.code,
            reason: self.reason,
            message: self.message,
            metadata: self.metadata,
            retry: self.retryDelay.map { .after($0) },
            requestID: self.requestID
        )
        switch self.cause {
        case .invalidRequest(let violations):
            status.violations = violations
        case .modelNotFound(let requested):
            status.resource = .model(requested)
        case .requirementsNotMet(let unmet):
            status.violations = Self.violations(of: unmet)
        case .nobodyReady, .allFailed, .interrupted, .cancelled, .deadlineExceeded:
            break
        }
        return status
    }

    /// Every changing value of the message, for programs.
    private var metadata: [String: String] {
        switch self.cause {
        case .invalidRequest, .cancelled, .deadlineExceeded:
            return [:]
        case .modelNotFound(let requested):
            return ["model": String(requested.prefix(Self.longestMessageShown))]
        case .nobodyReady(let unavailable):
            return Self.numbered(unavailable.map { "\($0.model): \($0.reason)" })
        case .requirementsNotMet(let unmet):
            return Self.numbered(unmet.map(Self.sentence))
        case .allFailed(let attempts):
            return Self.numbered(attempts.map(Self.sentence))
        case .interrupted(let attempt, let sent):
            return [
                "model": attempt.model.description,
                "fault": attempt.fault?.reason ?? "",
                "text_bytes_sent": "\(sent.textBytes)",
                "reasoning_bytes_sent": "\(sent.reasoningBytes)",
            ]
        }
    }

    /// What the client is told when several were asked: their common status, else UNAVAILABLE if waiting may help with
    /// one of them, else the last one's.
    private static func verdict(over attempts: [Attempt]) -> FaultStatus {
        let statuses = attempts.compactMap { $0.fault.map(FaultStatus.init) }
        guard let last = statuses.last else { return FaultStatus(UpstreamFault(.serverError, "")) }
        // A fault of the request itself ended the search: it is the answer, whatever came before.
        if attempts.last?.fault?.disposition == .fail || Set(statuses.map(\.code)).count == 1 { return last }
        return statuses.last { $0.code == .unavailable } ?? last
    }

    /// What a model lacks that the request needs is its own reason; anything else is what the client asked for.
    private static func reason(of unmet: [Candidates.Unmet]) -> String {
        let lacksCapability = unmet.allSatisfy { model in
            model.rejections.contains { $0.missingCapability != nil }
        }
        return lacksCapability ? "CAPABILITY_UNSUPPORTED" : "REQUIREMENTS_NOT_MET"
    }

    /// A violation for each requirement, with what the first model that lacks it says.
    private static func violations(of unmet: [Candidates.Unmet]) -> [FieldViolation] {
        var violations: [FieldViolation] = []
        for model in unmet {
            for rejection in model.rejections {
                let field =
                    rejection.requirement == "messages" ? "messages" : "requirements.\(rejection.requirement)"
                guard !violations.contains(where: { $0.field == field }) else { continue }
                violations.append(FieldViolation(field, "\(model.model) \(rejection.sentence)"))
            }
        }
        return violations
    }

    private static func sentence(_ unmet: Candidates.Unmet) -> String {
        "\(unmet.model) " + unmet.rejections.map(\.sentence).joined(separator: ", ")
    }

    private static func sentence(_ attempt: Attempt) -> String {
        guard let fault = attempt.fault else { return "\(attempt.model): answered" }
        return "\(attempt.model): \(fault.reason): \(fault.message)"
    }

    private static func listing(_ sentences: [String]) -> String {
        let shown = sentences.prefix(Self.mostAttemptsShown).map { String($0.prefix(Self.longestMessageShown)) }
        let rest = sentences.count - shown.count
        return shown.joined(separator: "; ") + (rest > 0 ? "; and \(rest) more" : "")
    }

    private static func numbered(_ sentences: [String]) -> [String: String] {
        var metadata: [String: String] = [:]
        for (index, sentence) in sentences.prefix(Self.mostAttemptsShown).enumerated() {
            metadata["attempt_\(index + 1)"] = String(sentence.prefix(Self.longestMessageShown))
        }
        return metadata
    }
}

extension Rejection {
    /// What the model lacks, where that is a capability: a model for vectors does not chat, and the other way round.
    fileprivate var missingCapability: Capability? {
        switch self {
        case .capability(let capability): capability
        case .task(_, required: .embedding): .embeddings
        case .task(found: .embedding, required: .text): .chat
        default: nil
        }
    }

    /// As ``description``, with the capability that the model lacks.
    fileprivate var sentence: String {
        guard case .task = self, let capability = self.missingCapability else { return self.description }
        return "lacks capability '\(capability.rawValue)': it \(self.description)"
    }
}

extension RequestFailure: RPCErrorConvertible {
    var rpcErrorCode: RPCError.Code { self.code }
    var rpcErrorMessage: String { self.message }
    var rpcErrorMetadata: Metadata { self.status.rpcErrorMetadata }
}

extension ErrorStatus.Resource {
    /// A name that leads to no model.
    static func model(_ name: String) -> Self {
        Self(type: "roundhouse.v1.Model", name: name, description: "is neither a model id nor an alias")
    }
}
