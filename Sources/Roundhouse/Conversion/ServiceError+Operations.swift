internal import GRPCCore
internal import Inference
internal import ModelLifecycle
internal import ModelRegistry
internal import Persistence

// What queries, watches, switches and profiles say.
extension ServiceError {
    init(_ error: QueryError) {
        // "filter has the end at character 9", "page_size is -1".
        let verb = error.position == nil ? "is" : "has"
        self = .invalid([FieldViolation(error.field, "\(verb) \(error.foundWithPosition); expected \(error.expected)")])
        switch error.field {
        case "filter": self.status.reason = "INVALID_FILTER"
        case "order_by": self.status.reason = "INVALID_ORDER_BY"
        default: break
        }
        self.status.metadata = ["field": error.field, "found": error.found, "expected": error.expected]
        if let position = error.position { self.status.metadata["position"] = "\(position)" }
    }

    init(_ error: StoreError) {
        self.init(
            .unavailable, "STORAGE_FAILED", "what is kept cannot be read: \(error)", retry: .after(.seconds(5)))
    }

    init(_ error: EventWatchError) {
        switch error {
        case .expired(let firstKept):
            self.init(
                .outOfRange, "EVENTS_EXPIRED",
                "events after that sequence are no longer kept: the first one that is has the sequence \(firstKept)",
                metadata: ["first_kept": "\(firstKept)"])
        case .invalid(let after, let last):
            self.init(
                .outOfRange, "EVENTS_UNKNOWN",
                "there was no event with the sequence \(after) yet: the last one has the sequence \(last)",
                metadata: ["after_sequence": "\(after)", "last_sequence": "\(last)"])
        case .lagged(let last):
            self.init(
                .resourceExhausted, "WATCH_LAGGED",
                "events came faster than they were read; watch again with after_sequence \(last)",
                metadata: ["last_sequence": "\(last)"], retry: .after(.zero))
        case .storage(let reason):
            self.init(
                .unavailable, "STORAGE_FAILED", "kept events cannot be read: \(reason)", retry: .after(.seconds(5)))
        }
    }

    init(_ error: SwitchError) {
        switch error {
        case .inProgress(let subject):
            self = .conflict("a switch of '\(subject)' is under way", metadata: ["subject": subject])
        case .doesNotFit(let key, let reason, let plan):
            var metadata = ["model": "\(key.model)"]
            if let plan {
                metadata["needed_bytes"] = "\(plan.estimate.totalBytes)"
                metadata["available_bytes"] = "\(plan.availableBytes)"
                metadata["evictable_bytes"] = "\(plan.evictions.reduce(0) { $0 + $1.freedBytes })"
            }
            self = .refused(
                "INSUFFICIENT_MEMORY", "model '\(key)' does not fit into memory: \(reason)", metadata: metadata)
        case .notLoaded(let error): self.init(error)
        case .refused(let error): self.init(error)
        case .flippedBack(let error):
            self.init(error)
            self.status.message += "; the switch was undone"
        case .stranded(let error, let backError):
            self.init(error)
            let why = ServiceError(backError).status.message
            self.status.message += "; the switch could not be undone, and the new model answers nobody: \(why)"
        case .cancelled: self.init(LifecycleError.cancelled)
        }
    }

    init(_ error: ProfileError) {
        switch error {
        case .notLoaded(let error): self.init(error)
        case .failing(let runs, _):
            self.init(.unavailable, "PROFILE_FAILED", "\(error)", metadata: ["failed_runs": "\(runs)"], retry: .never)
        case .cancelled: self.init(LifecycleError.cancelled)
        }
    }
}

extension LoadPlan {
    /// What models may still take on the devices that the model would lie on.
    fileprivate var availableBytes: Int64 {
        let needed = Set(self.estimate.devices.keys)
        return self.devices.filter { needed.contains($0.device) }.reduce(0) { sum, memory in
            let ours = memory.predictedBytes + memory.actualBytes + memory.releasingBytes
            return sum + max(0, min(memory.quotaBytes - ours, memory.freeBytes))
        }
    }
}
