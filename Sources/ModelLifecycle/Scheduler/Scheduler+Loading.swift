import Inference

extension LifecycleScheduler {
    /// Begins a life.
    mutating func launch(_ key: InstanceKey) {
        guard let instance = self.instances[key] else { return }
        let number = self.nextNumber()
        self.dequeue(key)
        self.launches[number] = key
        self.ledger.reserve(instance.prediction, for: number)
        self.update(key) { instance, now in
            instance.life = Life(launch: number, at: now)
            instance.lastRefusal = nil
        }
        self.move(key, to: .loading, reason: instance.reason)
        let predicted = instance.prediction.values.reduce(0, +)
        self.perform(
            self.emit(
                .modelLoading, key, instance.reason, ["launch": "\(number)", "predicted_bytes": "\(predicted)"]))
        self.perform(.launch(number: number, instance.model))
        self.tellProgress(key, to: instance.waiters)
    }

    /// A runtime tells of a launch.
    mutating func report(_ launch: Int, _ report: RuntimeReport) {
        guard let key = self.launches[launch], let instance = self.instances[key], let life = instance.life,
            life.launch == launch
        else { return }
        switch report {
        case .started:
            self.cameFurther(key)
        case .loading(let loaded, let total):
            self.ledger.load(launch, loadedBytes: loaded, of: total)
            guard instance.state == .loading else { return }
            let isFirst = !life.isLoadingWeights
            self.updateLife(of: key) { life, now in
                if isFirst || loaded > life.loadedBytes { life.progressAt = now }
                life.isLoadingWeights = true
                life.loadedBytes = max(loaded, life.loadedBytes)
                life.totalBytes = total
            }
            if isFirst || self.now - (life.toldAt ?? life.startedAt) >= Self.progressInterval || loaded >= total {
                self.tellProgress(key, to: instance.waiters)
            }
        case .ready(let told):
            guard instance.state == .loading else { return }
            self.cameReady(key, told)
        case .memory(let bytes):
            self.measure(key, launch, bytes)
        }
    }

    private mutating func cameFurther(_ key: InstanceKey) {
        self.updateLife(of: key) { life, now in life.progressAt = now }
    }

    private mutating func measure(_ key: InstanceKey, _ launch: Int, _ bytes: [MemoryDevice: Int64]) {
        guard let life = self.instances[key]?.life, life.instance != nil, !bytes.isEmpty else { return }
        self.ledger.settle(launch, measured: bytes)
        self.update(key) { instance, _ in
            instance.life?.instance?.memory = bytes
            instance.life?.isMeasured = true
            instance.measured = bytes
        }
    }

    /// The engine can be asked: it is warmed up first when someone wants that and no request waits to do it.
    private mutating func cameReady(_ key: InstanceKey, _ told: RuntimeInstance) {
        guard let life = self.instances[key]?.life else { return }
        var ready = told
        ready.key = key
        ready.launch = life.launch
        self.instances[key]?.life?.instance = ready
        self.ledger.settle(life.launch, measured: [:])
        self.measure(key, life.launch, told.memory)
        self.perform(.readMemory)
        let waiters = self.instances[key]?.waiters ?? []
        if waiters.contains(where: \.wantsWarmth), !waiters.contains(where: { $0.wish == .lease }) {
            self.updateLife(of: key) { life, now in
                life.progressAt = now
                life.isWarmingUp = true
            }
            self.move(key, to: .warming, reason: "answers a first, internal request")
            self.tellProgress(key, to: waiters)
            self.perform(.warm(ready))
        } else {
            self.becomeReady(key, reason: "")
        }
    }

    private mutating func becomeReady(_ key: InstanceKey, reason remark: String) {
        guard let life = self.instances[key]?.life else { return }
        let excess = self.ledger.excess.isEmpty ? "" : "models take more memory than they may together"
        let reason = [remark, excess].filter { !$0.isEmpty }.joined(separator: "; ")
        self.update(key) { instance, now in
            instance.life?.readyAt = now
            instance.life?.idleSince = now
            instance.isWanted = false
        }
        self.move(key, to: .ready, reason: reason)
        let bytes = self.ledger.entries[life.launch]?.bytes.values.reduce(0, +) ?? 0
        self.perform(
            self.emit(
                .modelLoaded, key, reason,
                [
                    "launch": "\(life.launch)", "memory_bytes": "\(bytes)",
                    "load_milliseconds": "\((self.now - life.startedAt).wholeMilliseconds)",
                ]))
        self.serveWaiters(key)
        if !self.isCurrent(key) { self.retire(key) }
    }

    /// The first, internal request was answered, or not.
    mutating func warmed(_ launch: Int, _ fault: UpstreamFault?) {
        guard let key = self.launches[launch], let instance = self.instances[key], let life = instance.life,
            life.launch == launch, life.isWarmingUp
        else { return }
        self.instances[key]?.life?.isWarmingUp = false
        if fault == nil { self.instances[key]?.life?.isWarm = true }
        if let fault, instance.state == .warming || instance.state == .ready {
            let reason = "it is loaded, but did not answer its first request: \(fault.message)"
            for ticket in instance.waiters where ticket.wantsWarmth {
                self.instances[key]?.waiters.removeAll { $0.number == ticket.number }
                let error = LifecycleError.loadFailed(key.model, reason: reason, retryAfter: nil)
                self.close(ticket.number, .refuse(ticket: ticket.number, error))
            }
        }
        switch instance.state {
        case .warming:
            self.becomeReady(key, reason: fault.map { "its warm-up failed: \($0.message)" } ?? "")
        default:
            if instance.state == .ready { self.serveWaiters(key) }
            self.release(key, launch: launch)
            self.updateLife(of: key) { after, _ in
                after.isWarm = life.isWarm || fault == nil
                after.wasLeased = life.wasLeased
            }
        }
    }

    /// Somebody looked whether a ready instance still answers.
    mutating func probed(_ launch: Int, isAlive: Bool) {
        guard let key = self.launches[launch], let instance = self.instances[key], let life = instance.life,
            life.launch == launch, instance.state == .ready || instance.state == .draining
        else { return }
        self.instances[key]?.life?.missedProbes = isAlive ? 0 : life.missedProbes + 1
        guard !isAlive, life.missedProbes + 1 >= self.limits.probeFailures else { return }
        self.end(key, because: "it hung: \(life.missedProbes + 1) probes in a row had no answer")
    }

    /// Ends an instance that does not do what it should; what follows is a crash.
    mutating func end(_ key: InstanceKey, because verdict: String) {
        guard let life = self.instances[key]?.life, life.verdict == nil else { return }
        self.instances[key]?.life?.verdict = verdict
        self.perform(.kill(launch: life.launch))
    }
}
