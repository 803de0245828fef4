internal import GRPCCore
internal import Inference
internal import ModelLifecycle
internal import ModelRegistry
internal import Persistence

/// Why a call of the registry, lifecycle, telemetry or admin service failed, as its client is told.
///
/// Every error of the rooms becomes one here: the `init`s are the only places where it gets its status.
struct ServiceError: Error, Sendable, Hashable {
    var status: ErrorStatus

    init(_ status: ErrorStatus) {
        self.status = status
    }

    init(
        _ code: RPCError.Code,
        _ reason: String,
        _ message: String,
        metadata: [String: String] = [:],
        resource: ErrorStatus.Resource? = nil,
        retry: ErrorStatus.Retry? = nil
    ) {
        self.status = ErrorStatus(
            code: code, reason: reason, message: message, metadata: metadata, resource: resource, retry: retry)
    }
}

extension ServiceError: RPCErrorConvertible {
    var rpcErrorCode: RPCError.Code { self.status.rpcErrorCode }
    var rpcErrorMessage: String { self.status.rpcErrorMessage }
    var rpcErrorMetadata: Metadata { self.status.rpcErrorMetadata }
}

// MARK: - What the services say themselves

extension ServiceError {
    /// The request itself is wrong: every field at fault.
    static func invalid(_ violations: [FieldViolation]) -> ServiceError {
        var status = ErrorStatus(
            code: .invalidArgument,
            reason: "INVALID_REQUEST",
            message: violations.map { "\($0.field) \($0.description)" }.joined(separator: "; ")
        )
        status.violations = violations
        return ServiceError(status)
    }

    static func invalid(_ field: String, found: String, expected: String) -> ServiceError {
        .invalid([FieldViolation(field, found: found, expected: expected)])
    }

    static func modelNotFound(_ name: String) -> ServiceError {
        ServiceError(
            .notFound,
            "MODEL_NOT_FOUND",
            "model '\(name)' does not exist; ListModels lists those that do",
            metadata: ["model": name],
            resource: .model(name)
        )
    }

    static func providerNotFound(_ name: String) -> ServiceError {
        ServiceError(
            .notFound,
            "PROVIDER_NOT_FOUND",
            "provider '\(name)' does not exist; ListProviders lists those that do",
            metadata: ["provider": name],
            resource: .init(type: "roundhouse.v1.Provider", name: name, description: "is no provider")
        )
    }

    static func aliasNotFound(_ name: String) -> ServiceError {
        ServiceError(
            .notFound,
            "ALIAS_NOT_FOUND",
            "alias '\(name)' does not exist; ListAliases lists those that do",
            metadata: ["alias": name],
            resource: .init(type: "roundhouse.v1.Alias", name: name, description: "is no alias")
        )
    }

    static func versionNotFound(_ version: String, of model: ModelDescription) -> ServiceError {
        let known = model.versions.map(\.version).joined(separator: ", ")
        return ServiceError(
            .notFound,
            "VERSION_NOT_FOUND",
            "model '\(model.id)' has no version '\(version)'; it has \(known.isEmpty ? "none" : known)",
            metadata: ["model": "\(model.id)", "version": version],
            resource: .init(
                type: "roundhouse.v1.ModelVersion", name: "\(model.id)@\(version)", description: "is no version of it")
        )
    }

    /// It cannot be done as things are, until someone changes them.
    static func refused(_ reason: String, _ message: String, metadata: [String: String] = [:]) -> ServiceError {
        ServiceError(.failedPrecondition, reason, message, metadata: metadata)
    }

    /// What comes from the configuration file would be back after the next start.
    static func configOwned(_ entry: String) -> ServiceError {
        .refused(
            "CONFIG_OWNED",
            "\(entry) stands in the configuration file: take it out there",
            metadata: ["entry": entry]
        )
    }

    /// Someone else is at it.
    static func conflict(_ message: String, metadata: [String: String] = [:]) -> ServiceError {
        ServiceError(.aborted, "OPERATION_CONFLICT", message, metadata: metadata)
    }
}

// MARK: - What the rooms say

extension ServiceError {
    /// Any error that a room or a port throws.
    init(_ error: any Error) {
        switch error {
        case let error as ServiceError: self = error
        case let error as RegistryEditError: self.init(error)
        case let error as LifecycleError: self.init(error)
        case let error as UpstreamFault: self.init(error)
        case let error as RuntimeUnavailable: self.init(error)
        case let error as QueryError: self.init(error)
        case let error as ModelFileError: self.init(error)
        case let error as EventWatchError: self.init(error)
        case let error as SwitchError: self.init(error)
        case let error as ProfileError: self.init(error)
        case let error as StoreError: self.init(error)
        case let error as ConfigurationRefusal: self.init(error)
        case is CancellationError: self.init(.cancelled, "CANCELLED", "the client cancelled the call")
        case let error as any RPCErrorConvertible:
            self.init(error.rpcErrorCode, "INTERNAL", error.rpcErrorMessage)
        default: self.init(.internalError, "INTERNAL", "\(error)")
        }
    }

    init(_ error: RegistryEditError) {
        switch error {
        case .modelNotFound(let name): self = .modelNotFound(name)
        case .providerNotFound(let name): self = .providerNotFound(name)
        case .aliasNotFound(let name): self = .aliasNotFound(name)
        case .alreadyExists(let entry):
            self.init(.alreadyExists, "ALREADY_EXISTS", "\(entry) exists already", metadata: ["entry": entry])
        case .etagMismatch(let entry, let given, let current):
            self.init(
                .aborted,
                "ETAG_MISMATCH",
                "\(entry) was changed by someone else: its etag is '\(current)', not '\(given)'; read it again",
                metadata: ["entry": entry, "given": given, "current": current]
            )
        case .invalid(let problems): self = .invalid(problems.map(FieldViolation.init))
        case .blocked(let reason): self = .refused("REGISTRY_BLOCKED", reason)
        case .storage(let reason):
            self.init(
                .unavailable, "STORAGE_FAILED", "the change could not be written to disk, and was not made: \(reason)",
                retry: .after(.seconds(5)))
        }
    }

    init(_ error: LifecycleError) {
        switch error {
        case .notFound(let name): self = .modelNotFound(name)
        case .notLoadable(let model):
            self = .refused(
                "NOT_LOADABLE",
                "model '\(model)' is not one that is loaded into memory here: its provider runs it",
                metadata: ["model": "\(model)"]
            )
        case .disabled(let model):
            self = .refused(
                "MODEL_DISABLED", "model '\(model)' is disabled; EnableModel lets requests reach it",
                metadata: ["model": "\(model)"])
        case .insufficientMemory(let model, let device, let needed, let available, let evictable, let reason):
            self = .refused(
                "INSUFFICIENT_MEMORY",
                "model '\(model)' does not fit into memory '\(device)': \(reason)",
                metadata: [
                    "model": "\(model)", "device": "\(device)", "needed_bytes": "\(needed)",
                    "available_bytes": "\(available)", "evictable_bytes": "\(evictable)",
                ]
            )
        case .loadFailed(let model, let reason, let delay):
            self.init(
                .unavailable, "MODEL_LOAD_FAILED", "model '\(model)' could not be loaded: \(reason)",
                metadata: ["model": "\(model)"], retry: delay.map { .after($0) } ?? .never)
        case .queueFull(let model, let limit):
            self.init(
                .resourceExhausted, "QUEUE_FULL", "\(limit) calls wait for model '\(model)' already",
                metadata: ["model": "\(model)", "limit": "\(limit)"], retry: .after(.seconds(1)))
        case .unloaded(let model, let reason):
            self = .conflict(
                "model '\(model)' was unloaded meanwhile: \(reason)", metadata: ["model": "\(model)"])
        case .shuttingDown:
            self.init(.unavailable, "SHUTTING_DOWN", "the server is stopping")
        case .cancelled:
            self.init(.cancelled, "CANCELLED", "the client cancelled the call")
        }
    }

    init(_ fault: UpstreamFault) {
        let status = FaultStatus(fault)
        let canHelp = status.code == .unavailable || status.code == .resourceExhausted
        self.init(
            status.code, status.reason, fault.message, metadata: ["fault": fault.reason],
            retry: canHelp ? .after(fault.retryAfter ?? .seconds(1)) : nil)
    }

    init(_ error: RuntimeUnavailable) {
        self = .refused("RUNTIME_UNAVAILABLE", error.reason)
    }
}

extension FieldViolation {
    /// What was found is in words already, quoted where it is a value.
    init(_ problem: FieldProblem) {
        self.init(problem.field, "is wrong: found \(problem.found); expected \(problem.expected)")
    }
}
