import Inference

extension LifecycleScheduler {
    /// What is to be done about a load in the queue.
    enum Verdict: Sendable, Hashable {
        case start
        /// Room is being made, or others have theirs first.
        case wait(String)
        /// Room can be made from then on.
        case waitUntil(Instant, String)
        case evict([EvictionPolicy.Candidate])
        case refuse(LifecycleError)
    }

    /// Whether there is room for a load.
    enum Room: Sendable, Hashable {
        /// There is, at the latest when what is leaving memory has left it.
        case enough
        /// When these leave.
        case after([EvictionPolicy.Candidate])
        /// Not before those that come first are loaded, and may be evicted in their turn.
        case later
        case never(LifecycleError)
    }

    /// What is decided on the queue, and what is left for whoever comes after it.
    struct Survey {
        var verdicts: [(key: InstanceKey, verdict: Verdict)] = []
        var loads = 0
        /// What is given to those that start.
        var given = Resources()
        /// What is promised to those that wait.
        var promised = Resources()
        /// What comes back from the victims that were chosen, and who they are.
        var expected = Resources()
        var victims: Set<InstanceKey> = []
    }

    /// Decides on everything in the queue, in order, and changes nothing.
    ///
    /// Whoever is ahead has its memory promised: those behind start only with what is left beside that.
    func survey(upTo end: InstanceKey? = nil) -> Survey {
        var survey = Survey()
        survey.loads = self.loadsUnderWay
        for key in self.queue {
            guard key != end else { break }
            guard let instance = self.instances[key], instance.state == .queued, instance.isPrepared,
                instance.notBefore.map({ $0 <= self.now }) ?? true
            else { continue }
            let demand = self.ledger.demand(of: instance.prediction)
            let verdict = self.judge(demand, for: key, &survey)
            survey.verdicts.append((key, verdict))
            switch verdict {
            case .start:
                survey.loads += 1
                survey.given += demand
            case .wait, .waitUntil, .evict: survey.promised += demand
            case .refuse: break
            }
        }
        return survey
    }

    private func judge(_ demand: Resources, for key: InstanceKey, _ survey: inout Survey) -> Verdict {
        let isWanted = self.instances[key]?.isWanted ?? true
        switch self.room(for: demand, of: key, beside: survey) {
        case .never(let error):
            return .refuse(error)
        case .enough where !demand.fits(in: self.ledger.available - survey.given):
            return .wait("memory is being released")
        case .enough where survey.loads >= max(1, self.limits.maxConcurrentLoads):
            return .wait("other models are being loaded")
        case .enough:
            return .start
        case .later where isWanted:
            return .wait("others that wait or are being loaded come first")
        case .after(let victims) where isWanted:
            for victim in victims {
                survey.expected += victim.holds
                survey.victims.insert(victim.key)
            }
            let due = victims.compactMap(\.notBefore).max()
            if let due, self.now < due { return .waitUntil(due, "what is in use gets its time first") }
            return .evict(victims)
        case .later, .after:
            let why = "nobody waits for it, and others have its place"
            return .refuse(self.tooLittle(of: demand, demand, for: key, why))
        }
    }

    /// Whether there is room, and who would have to leave: what admits loads, and what `plan` tells.
    func room(for demand: Resources, of key: InstanceKey, beside survey: Survey) -> Room {
        if let error = self.impossibility(of: demand, for: key) { return .never(error) }
        let ahead = survey.given + survey.promised
        let supply = self.ledger.available + self.coming + survey.expected
        let shortage = (demand + ahead - supply).positive.limited(to: demand)
        guard !shortage.isEmpty else { return .enough }
        let candidates = self.candidates(except: key).filter { !survey.victims.contains($0.key) }
        return EvictionPolicy.victims(for: shortage, among: candidates).map { .after($0) } ?? .later
    }

    private var loadsUnderWay: Int {
        self.launches.values.count { key in
            let state = self.instances[key]?.state
            return state == .loading || state == .warming
        }
    }

    /// What is on its way back: memory that is being released, and instances that leave.
    var coming: Resources {
        self.launches.reduce(into: self.ledger.releasing) { sum, launch in
            guard self.instances[launch.value]?.farewell != nil else { return }
            sum += self.ledger.holdings(of: launch.key)
        }
    }

    /// Everything that may be evicted. Not while it warms up, which is over soon and waited for.
    func candidates(except key: InstanceKey? = nil) -> [EvictionPolicy.Candidate] {
        self.launches.compactMap { launch, owner in
            guard owner != key, let instance = self.instances[owner], instance.state == .ready,
                let life = instance.life, !life.isWarmingUp, !self.isPinned(owner)
            else { return nil }
            let readyAt = life.readyAt ?? life.startedAt
            let isBusy = life.leases > 0
            return EvictionPolicy.Candidate(
                key: owner,
                holds: self.ledger.holdings(of: launch),
                isBusy: isBusy,
                since: isBusy ? readyAt : life.idleSince,
                notBefore: isBusy || !life.wasLeased ? readyAt + self.limits.minResidency : nil
            )
        }
    }

    /// Why a load can never fit as things are: not even with everything evicted that may be.
    private func impossibility(of demand: Resources, for key: InstanceKey) -> LifecycleError? {
        let fixed = self.fixed(except: key)
        let held = fixed.reduce(Resources()) { $0 + $1.holds }
        let missing = (demand - (self.ledger.capacity - held)).positive.limited(to: demand)
        guard !missing.isEmpty else { return nil }
        let names = fixed.map { "\($0.key) is pinned" }.joined(separator: ", ")
        return self.tooLittle(of: missing, demand, for: key, names)
    }

    /// Those that stay whatever happens.
    func fixed(except key: InstanceKey) -> [(key: InstanceKey, holds: Resources)] {
        self.launches.compactMap { launch, owner in
            guard owner != key, self.isPinned(owner), self.instances[owner]?.farewell == nil else { return nil }
            return (owner, self.ledger.holdings(of: launch))
        }.sorted { $0.key < $1.key }
    }

    private func tooLittle(
        of missing: Resources,
        _ demand: Resources,
        for key: InstanceKey,
        _ why: String
    ) -> LifecycleError {
        let evictable = self.candidates(except: key).reduce(Resources()) { $0 + $1.holds } + self.coming
        let devices = demand.amounts.keys.compactMap { resource -> MemoryDevice? in
            if case .memory(let device) = resource { device } else { nil }
        }.sorted()
        let short = devices.first { missing[.memory($0)] > 0 }
        let device = short ?? devices.first ?? .cpu
        let resource = Resource.memory(device)
        var words: [String] = []
        if short != nil {
            words.append(
                "it needs \(describe(bytes: demand[resource])) of \(device), and models may take "
                    + "\(describe(bytes: max(0, self.ledger.capacity[resource]))) together"
            )
        } else if let places = self.limits.maxLoadedModels {
            words.append("max_loaded_models is \(places)")
        }
        if !why.isEmpty { words.append(why) }
        return .insufficientMemory(
            key.model,
            device: device,
            needed: demand[resource],
            available: max(0, self.ledger.available[resource]),
            evictable: evictable[resource],
            reason: words.joined(separator: "; ")
        )
    }
}

extension Resources {
    /// Only what `other` names.
    fileprivate func limited(to other: Resources) -> Resources {
        Resources(self.amounts.filter { other.amounts[$0.key] != nil })
    }
}

extension LifecycleError {
    /// Why, for the state of an instance that names the model already.
    var reason: String {
        if case .insufficientMemory(_, _, _, _, _, let reason) = self {
            "it does not fit: \(reason)"
        } else {
            self.explanation
        }
    }
}
