internal import Inference

/// Makes recommendations of facts. Pure, and quiet where there is no evidence: a rule that lacks a figure says nothing.
package struct Advisor: Sendable {
    /// The thresholds. The defaults are those of docs/Telemetry.md.
    package struct Limits: Sendable, Hashable {
        /// Nobody used it for so long: it is unused. In microseconds.
        package var unused: Int64 = 6 * 3_600_000_000
        /// So long without a use, and it need not be loaded at start. In microseconds.
        package var unusedAtStart: Int64 = 7 * 86_400_000_000
        /// So many reloads in the period at least, and so many for each use.
        package var reloads: Int64 = 5
        package var reloadsPerUse = 0.1
        /// Evictions of one model in the period, from which on it should stay; and the uses that make it worth it.
        package var evictions: Int64 = 3
        package var usesToPin: Int64 = 50
        /// A model that takes more of the models' memory than this part is not to be pinned.
        package var mostPinnedPart = 0.5
        /// Evictions or refusals of all models in the period that speak for more memory.
        package var crowding: Int64 = 10
        package var mostShare = 0.9
        package var leastShare = 0.3
        /// A model must have cost so much in the period, in nano-USD, and another be cheaper by this part.
        package var costWorthSaving: Int64 = 1_000_000_000
        package var cheaperBy = 0.3
        /// Attempts of both models from which on success is compared, and by how much the other may do worse.
        package var comparedAttempts: Int64 = 100
        package var successTolerance = 0.005
        package var slowerBy = 1.5
        /// Requests that a key was refused in the period, and their part of its requests.
        package var keyRefusals: Int64 = 10
        package var keyRefusedPart = 0.02
        /// Openings of a breaker in the period that make a model one that flaps.
        package var breakerOpenings: Int64 = 3
        /// A model that does this well, 0...1, is not to be disabled all the same.
        package var wellEnough = 0.95

        package init() {}
    }

    private let limits: Limits

    package init(_ limits: Limits = Limits()) {
        self.limits = limits
    }

    /// What is to be recommended, by kind and then by name.
    package func recommendations(_ facts: UsageFacts) -> [Recommendation] {
        let models = facts.models.sorted { $0.model < $1.model }
        var found: [Recommendation] = []
        for model in models {
            found += [
                self.unload(model, facts), self.makeLazy(model, facts), self.pin(model, facts),
                self.load(model, facts), self.cheaper(than: model, models), self.flapping(model, models),
            ].compactMap(\.self)
        }
        found += self.keys(facts.keys)
        if let memory = facts.memory, let share = self.share(memory, models) { found.append(share) }
        let order = Recommendation.Kind.allCases
        return found.sorted {
            let (left, right) = (order.firstIndex(of: $0.kind) ?? 0, order.firstIndex(of: $1.kind) ?? 0)
            return left != right ? left < right : $0.id < $1.id
        }
    }

    // MARK: - Memory of a model

    /// Since when nobody used it, in microseconds before now; at most since it was loaded.
    private func idle(_ model: ModelFacts, _ now: Int64) -> Int64 {
        let since = max(model.lastUsedMicroseconds ?? .min, model.loadedSinceMicroseconds ?? .min)
        let (idle, overflows) = now.subtractingReportingOverflow(since)
        return overflows ? .max : idle
    }

    private func unload(_ model: ModelFacts, _ facts: UsageFacts) -> Recommendation? {
        guard model.isManaged, model.isLoaded, !model.isPinned, model.bytes > 0, model.loadedSinceMicroseconds != nil
        else { return nil }
        let idle = self.idle(model, facts.endMicroseconds)
        guard idle >= self.limits.unused else { return nil }
        return Recommendation(
            kind: .unloadUnused, subject: .model(model.model),
            reason: "\(model.model) is in memory, and nobody used it for \(Words.time(idle))",
            evidence: [.init("idle", idle, .microseconds), .init("freed", model.bytes, .bytes)],
            gain: .freedBytes(model.bytes), action: .unload(model.model))
    }

    private func makeLazy(_ model: ModelFacts, _ facts: UsageFacts) -> Recommendation? {
        guard model.isManaged, !model.isLazy, !model.isPinned, model.isEnabled, model.uses == 0, model.bytes > 0,
            facts.length >= self.limits.unusedAtStart
        else { return nil }
        let idle = facts.endMicroseconds.subtractingReportingOverflow(
            model.lastUsedMicroseconds ?? facts.startMicroseconds)
        guard !idle.overflow, idle.partialValue >= self.limits.unusedAtStart else { return nil }
        return Recommendation(
            kind: .makeLazy, subject: .model(model.model),
            reason: "\(model.model) is loaded at every start, and nobody used it for \(Words.time(idle.partialValue))",
            evidence: [.init("idle", idle.partialValue, .microseconds), .init("freed", model.bytes, .bytes)],
            gain: .freedBytes(model.bytes), action: .setLazy(model.model, true))
    }

    /// Whether it is loaded anew so often that requests feel it.
    private func isReloaded(_ model: ModelFacts) -> Bool {
        model.isManaged && model.isEnabled && !model.isPinned && model.reloads >= self.limits.reloads
            && model.uses > 0 && Double(model.reloads) >= Double(model.uses) * self.limits.reloadsPerUse
    }

    private func pin(_ model: ModelFacts, _ facts: UsageFacts) -> Recommendation? {
        guard let memory = facts.memory, model.isManaged, model.isEnabled, !model.isPinned, model.bytes > 0,
            model.evictions >= self.limits.evictions, model.reloads > 0, model.uses >= self.limits.usesToPin,
            Double(model.bytes) <= Double(memory.totalBytes) * memory.share * self.limits.mostPinnedPart
        else { return nil }
        let spared = self.loadTime(model, times: model.reloads)
        return Recommendation(
            kind: .pin, subject: .model(model.model),
            reason: "\(model.model) was used \(Words.times(model.uses)), and evicted \(Words.times(model.evictions)) "
                + "to make room for others",
            evidence: [
                .init("uses", model.uses), .init("evictions", model.evictions), .init("reloads", model.reloads),
                .init("taken", model.bytes, .bytes),
            ],
            gain: .sparedMicroseconds(spared), action: .pin(model.model))
    }

    private func load(_ model: ModelFacts, _ facts: UsageFacts) -> Recommendation? {
        // Where it is evicted again and again, loading does not help: see `pin`.
        guard self.isReloaded(model), model.evictions < self.limits.evictions, !model.isLoaded || model.isLazy,
            let memory = facts.memory, model.isLoaded || model.bytes <= memory.roomBytes
        else { return nil }
        let spared = self.loadTime(model, times: model.reloads)
        return Recommendation(
            kind: .load, subject: .model(model.model),
            reason: "\(model.model) was loaded anew \(Words.times(model.reloads)) for \(model.uses) requests, "
                + "and there is room to keep it in memory",
            evidence: [
                .init("uses", model.uses), .init("reloads", model.reloads), .init("taken", model.bytes, .bytes),
                .init("load-time", model.loadTime, .microseconds),
            ],
            gain: .sparedMicroseconds(spared),
            action: model.isLoaded ? .setLazy(model.model, false) : .load(model.model))
    }

    private func loadTime(_ model: ModelFacts, times: Int64) -> Int64 {
        let (product, overflows) = max(0, model.loadTime).multipliedReportingOverflow(by: max(0, times))
        return overflows ? .max : product
    }

    // MARK: - The share of memory

    private func share(_ memory: MemoryFacts, _ models: [ModelFacts]) -> Recommendation? {
        guard memory.totalBytes > 0 else { return nil }
        let total = Double(memory.totalBytes)
        let evidence: [Recommendation.Evidence] = [
            .init("share", memory.share, .part), .init("free", memory.freeBytes, .bytes),
            .init("evictions", memory.evictions), .init("refusals", memory.refusals),
            .init("shortages", memory.shortages),
        ]
        if memory.shortages > 0 {
            let lower = Words.rounded(max(self.limits.leastShare, memory.share - 0.1))
            guard lower < memory.share else { return nil }
            return Recommendation(
                kind: .lowerMemoryShare, subject: .memory,
                reason: "the machine ran short of memory \(Words.times(memory.shortages)) while models may take "
                    + "\(Words.percent(memory.share)) of it",
                evidence: evidence, gain: .freedBytes(Int64(total * (memory.share - lower))),
                action: .setMemoryShare(lower))
        }
        let crowded = memory.evictions.addingSaturated(memory.refusals)
        guard crowded >= self.limits.crowding else { return nil }
        // Only what is free in truth, less a twentieth for the rest of the machine.
        let unusedFree = (Double(memory.freeBytes) - Double(memory.roomBytes)) / total - 0.05
        let higher = Words.rounded(min(self.limits.mostShare, memory.share + min(unusedFree, 0.1)))
        guard higher >= memory.share + 0.05 else { return nil }
        let reloads = models.reduce(Int64(0)) { $0.addingSaturated(self.loadTime($1, times: $1.reloads)) }
        return Recommendation(
            kind: .raiseMemoryShare, subject: .memory,
            reason: "models made room for others or did not fit \(Words.times(crowded)), while "
                + "\(Words.percent(Double(memory.freeBytes) / total)) of memory is free",
            evidence: evidence, gain: .sparedMicroseconds(reloads), action: .setMemoryShare(higher))
    }

    // MARK: - Cost

    private func cheaper(than model: ModelFacts, _ models: [ModelFacts]) -> Recommendation? {
        guard model.isEnabled, model.costNanoUSD >= self.limits.costWorthSaving,
            model.judged >= self.limits.comparedAttempts, let quality = model.quality,
            let mine = self.price(model, model)
        else { return nil }
        let others = models.compactMap { other -> (facts: ModelFacts, cost: Double)? in
            guard other.model != model.model, other.isEnabled, other.category == model.category,
                other.capabilities.isSuperset(of: model.capabilities),
                model.contextLength.map({ other.contextLength ?? 0 >= $0 }) ?? true,
                other.judged >= self.limits.comparedAttempts, let theirQuality = other.quality, theirQuality >= quality,
                other.successRate >= model.successRate - self.limits.successTolerance,
                other.breakerOpenings < self.limits.breakerOpenings,
                let latency = other.medianLatency, let myLatency = model.medianLatency,
                latency <= myLatency * self.limits.slowerBy, let cost = self.price(model, other),
                cost <= mine * (1 - self.limits.cheaperBy)
            else { return nil }
            return (other, cost)
        }
        guard let best = others.min(by: { ($0.cost, $0.facts.model) < ($1.cost, $1.facts.model) }) else { return nil }
        // What was paid, by the part that the other is cheaper: discounts for cached tokens stay in it.
        let saved = Int64(Double(model.costNanoUSD) * (1 - best.cost / mine))
        return Recommendation(
            kind: .cheaperModel, subject: .model(model.model),
            reason: "\(best.facts.model) does as well as \(model.model) and costs "
                + "\(Words.percent(1 - best.cost / mine)) less for the same tokens",
            evidence: [
                .init("cost", model.costNanoUSD, .nanoUSD), .init("success", model.successRate, .part),
                .init("other-success", best.facts.successRate, .part), .init("attempts", model.judged),
                .init("other-attempts", best.facts.judged), .init("quality", quality, .part),
                .init("other-quality", best.facts.quality ?? 0, .part),
            ],
            gain: .savedNanoUSD(saved),
            action: model.aliases.sorted().first.map { .switchAlias($0, to: best.facts.model) }
                ?? .replace(model.model, with: best.facts.model))
    }

    /// What the tokens of one model would cost at another's prices, in nano-USD for each million; `nil` without prices.
    private func price(_ used: ModelFacts, _ priced: ModelFacts) -> Double? {
        guard let prices = priced.prices else { return nil }
        let cost = Double(used.inputTokens) * Double(prices.input) + Double(used.outputTokens) * Double(prices.output)
        return used.model == priced.model && cost <= 0 ? nil : cost
    }

    // MARK: - Upstreams

    private func keys(_ keys: [KeyFacts]) -> [Recommendation] {
        Dictionary(grouping: keys, by: \.provider).compactMap { provider, keys in
            let tired = keys.filter {
                $0.rateLimited >= self.limits.keyRefusals
                    && Double($0.rateLimited) >= Double($0.requests) * self.limits.keyRefusedPart
            }
            // While another key is fresh, requests go on to it.
            guard let worst = tired.max(by: { ($0.rateLimited, $1.index) < ($1.rateLimited, $0.index) }),
                tired.count == keys.count
            else { return nil }
            let refused = keys.reduce(Int64(0)) { $0.addingSaturated($1.rateLimited) }
            let subject = keys.count == 1 ? "the key" : "every key, key \(worst.index) most of all,"
            return Recommendation(
                kind: .addKey, subject: .provider(provider),
                reason: "\(subject) of \(provider) is at its limit: \(worst.rateLimited) of \(worst.requests) requests "
                    + "were refused",
                evidence: [
                    .init("refused", refused), .init("key", Int64(worst.index)),
                    .init("key-requests", worst.requests), .init("keys", Int64(keys.count)),
                ],
                gain: .sparedFailures(refused), action: .addKey(provider))
        }
    }

    private func flapping(_ model: ModelFacts, _ models: [ModelFacts]) -> Recommendation? {
        guard model.isEnabled, model.breakerOpenings >= self.limits.breakerOpenings, model.judged > 0,
            model.successRate < self.limits.wellEnough
        else { return nil }
        return Recommendation(
            kind: .flappingModel, subject: .model(model.model),
            reason:
                "\(model.model) fails and comes back: its breaker opened \(Words.times(model.breakerOpenings)), and "
                + "\(Words.percent(1 - model.successRate)) of its attempts failed",
            evidence: [
                .init("openings", model.breakerOpenings), .init("failures", model.failures),
                .init("attempts", model.judged),
            ],
            gain: .sparedFailures(model.failures), action: .disable(model.model))
    }
}
