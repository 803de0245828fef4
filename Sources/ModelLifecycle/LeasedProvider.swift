package import Inference
private import Synchronization

/// A provider whose models are loaded and unloaded here: has the model loaded, holds it while it answers, and speaks to
/// it by an adapter.
///
/// Models that the manager does not know go to the fallback as they are: an Ollama whose models nobody manages is a
/// provider like others.
package final class LeasedProvider: Provider {
    /// Makes what speaks to an instance. Called once for each life of an instance, so that connections to a dead
    /// engine are not used again.
    package typealias Adapter = @Sendable (RuntimeInstance) throws(UpstreamFault) -> any Provider

    private struct Known {
        var launch: Int
        var provider: any Provider
    }

    package let id: ProviderID
    private let manager: LifecycleManager
    private let fallback: (any Provider)?
    private let makeAdapter: Adapter
    private let adapters = Mutex<[InstanceKey: Known]>([:])

    package init(
        id: ProviderID,
        manager: LifecycleManager,
        fallback: (any Provider)? = nil,
        adapter: @escaping Adapter
    ) {
        self.id = id
        self.manager = manager
        self.fallback = fallback
        self.makeAdapter = adapter
    }

    package func start(_ request: UpstreamRequest) async throws(UpstreamFault) -> any UpstreamStream {
        guard let model = self.managed(request.model) else {
            return try await self.unmanaged(request.model).start(request)
        }
        let lease = try await self.lease(model, for: request.inference.id, request.progress)
        do throws(UpstreamFault) {
            let answer = try await self.adapter(for: lease.instance).start(request)
            return LeasedStream(answer, lease, self.manager)
        } catch {
            throw await self.manager.explain(error, lease.instance)
        }
    }

    package func countTokens(_ request: UpstreamRequest) async throws(UpstreamFault) -> Int? {
        guard let model = self.managed(request.model) else {
            return try await self.unmanaged(request.model).countTokens(request)
        }
        let lease = try await self.lease(model, for: request.inference.id, request.progress)
        defer { lease.release() }
        do throws(UpstreamFault) {
            return try await self.adapter(for: lease.instance).countTokens(request)
        } catch {
            throw await self.manager.explain(error, lease.instance)
        }
    }

    package func embed(_ request: EmbeddingRequest) async throws(UpstreamFault) -> EmbeddingAnswer {
        guard let model = self.managed(request.model) else {
            return try await self.unmanaged(request.model).embed(request)
        }
        let lease = try await self.lease(model, for: request.id, nil)
        defer { lease.release() }
        do throws(UpstreamFault) {
            return try await self.adapter(for: lease.instance).embed(request)
        } catch {
            throw await self.manager.explain(error, lease.instance)
        }
    }

    package func availability(of model: String) -> ProviderAvailability {
        if let managed = self.managed(model) { return self.manager.availability(of: managed) }
        if let fallback = self.fallback { return fallback.availability(of: model) }
        return .unavailable(reason: "\(self.id)/\(model) is not served by this process")
    }

    /// Those that wait for the model itself are the manager's to count.
    package func waitingCount(of model: String) -> Int {
        let providers = self.adapters.withLock { adapters in
            adapters.lazy.filter { $0.key.model.name == model }.map(\.value.provider)
        }
        guard providers.isEmpty else { return providers.reduce(0) { $0 + $1.waitingCount(of: model) } }
        return self.fallback?.waitingCount(of: model) ?? 0
    }

    private func managed(_ name: String) -> ModelID? {
        guard let model = ModelID(provider: self.id, name: name), self.manager.isManaged(model) else { return nil }
        return model
    }

    private func unmanaged(_ name: String) throws(UpstreamFault) -> any Provider {
        guard let fallback = self.fallback else {
            throw UpstreamFault(.modelNotFound, "there is no model '\(self.id)/\(name)'")
        }
        return fallback
    }

    private func lease(
        _ model: ModelID, for request: String, _ progress: ProgressSink?
    ) async throws(UpstreamFault) -> Lease {
        do throws(LifecycleError) {
            return try await self.manager.acquire(model, for: request, progress: progress)
        } catch {
            throw UpstreamFault(error)
        }
    }

    private func adapter(for instance: RuntimeInstance) throws(UpstreamFault) -> any Provider {
        let known = self.adapters.withLock { $0[instance.key] }
        if let known, known.launch == instance.launch { return known.provider }
        let provider = try self.makeAdapter(instance)
        return self.adapters.withLock { adapters in
            if let other = adapters[instance.key], other.launch == instance.launch { return other.provider }
            // What belongs to instances that are gone goes too, with its connections.
            adapters = adapters.filter { self.manager.isInMemory($0.key, launch: $0.value.launch) }
            adapters[instance.key] = Known(launch: instance.launch, provider: provider)
            return provider
        }
    }
}

/// An answer under way: holds the model until its end, is cut when the model is told to end, and says why when the
/// engine dies over it.
private final class LeasedStream: UpstreamStream {
    private let answer: any UpstreamStream
    private let lease: Lease
    private let manager: LifecycleManager
    private let fate = Mutex(Fate())

    private struct Fate {
        /// Of ``LifecycleManager/whenEnding(_:_:)``.
        var ticket: Int?
        /// Why it was cut.
        var cut: String?
        var isOver = false
    }

    init(_ answer: any UpstreamStream, _ lease: Lease, _ manager: LifecycleManager) {
        self.answer = answer
        self.lease = lease
        self.manager = manager
        let ticket = manager.whenEnding(lease.instance) { [weak self] in self?.cut($0) }
        self.fate.withLock { $0.ticket = ticket }
        if ticket == nil { self.cut("\(lease.instance.key) was unloaded") }
    }

    deinit { self.end() }

    func next() async throws(UpstreamFault) -> [InferenceEvent]? {
        do throws(UpstreamFault) {
            let events = try await self.answer.next()
            if events == nil { self.end() }
            return events
        } catch {
            self.end()
            if let reason = self.fate.withLock({ $0.cut }), !Task.isCancelled {
                throw UpstreamFault(.unreachable, reason, mayRetrySame: false)
            }
            throw await self.manager.explain(error, self.lease.instance)
        }
    }

    func cancel() {
        self.answer.cancel()
        self.end()
    }

    var timing: UpstreamTiming? { self.answer.timing }

    private func cut(_ reason: String) {
        let isMeant = self.fate.withLock { fate in
            guard !fate.isOver else { return false }
            fate.cut = reason
            return true
        }
        if isMeant { self.answer.cancel() }
    }

    private func end() {
        let ticket = self.fate.withLock { fate in
            fate.isOver = true
            defer { fate.ticket = nil }
            return fate.ticket
        }
        if let ticket { self.manager.forget(ticket, of: self.lease.instance) }
        self.lease.release()
    }
}

extension LifecycleManager {
    /// A broken connection to an engine mostly means that it crashed: says so, in its own last words.
    fileprivate func explain(_ fault: UpstreamFault, _ instance: RuntimeInstance) async -> UpstreamFault {
        guard fault.kind == .unreachable || fault.kind == .truncated else { return fault }
        switch await self.exit(of: instance) {
        case .crashed(let reason), .refused(let reason), .released(let reason):
            return UpstreamFault(fault.kind, reason, httpStatus: fault.httpStatus)
        case .stopped, .unavailable, nil:
            return fault
        }
    }
}

extension UpstreamFault {
    /// What a model that could not be loaded means for the request that wanted it.
    package init(_ error: LifecycleError) {
        let message = error.explanation
        switch error {
        case .notFound, .notLoadable, .disabled: self.init(.modelNotFound, message)
        case .insufficientMemory: self.init(.insufficientMemory, message)
        case .queueFull: self.init(.queueFull, message)
        // Loads are tried again by the lifecycle itself, and what was unloaded was unloaded on purpose.
        case .loadFailed, .unloaded, .shuttingDown: self.init(.unreachable, message, mayRetrySame: false)
        case .cancelled: self.init(.cancelled, message)
        }
    }
}
