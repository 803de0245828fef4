internal import Inference
internal import Persistence
internal import Providers
internal import Synchronization
internal import Telemetry

/// What the keys of providers did in the last month, by hours: from what their rings count since they were made.
final class KeyUses: Sendable {
    /// What a provider's ring has counted so far.
    struct Reading: Sendable {
        /// Another one counts from zero.
        var ring: ObjectIdentifier
        /// By the key's place.
        var counts: [KeyRing.Count]
    }

    private struct Place: Hashable {
        var provider: ProviderID
        var index: Int
        var hour: Int64
    }

    private struct State {
        var uses: [Place: KeyRing.Count] = [:]
        var seen: [ProviderID: Reading] = [:]
        /// Since they were taken for the store.
        var changed: Set<Place> = []
    }

    private let state = Mutex(State())

    /// Takes back what the store kept, before anything is taken.
    func restore(_ stored: [StoredKeyUse]) {
        self.state.withLock { state in
            for use in stored {
                state.uses[Place(provider: use.provider, index: use.place, hour: use.hour)] = KeyRing.Count(
                    requests: use.requests, rateLimited: use.rateLimited)
            }
        }
    }

    /// Adds what was counted since the last call to the hour of `now`.
    func take(_ readings: [ProviderID: Reading], at now: Int64) {
        let hour = MetricTier.hour.start(of: now)
        self.state.withLock { state in
            for (provider, reading) in readings {
                let before = state.seen[provider].flatMap { $0.ring == reading.ring ? $0.counts : nil } ?? []
                for (index, count) in reading.counts.enumerated() {
                    // Less than before: the keys were loaded anew, and another one has the place.
                    let known =
                        index < before.count && before[index].requests <= count.requests ? before[index] : .init()
                    guard count != known else { continue }
                    let place = Place(provider: provider, index: index, hour: hour)
                    state.uses[place, default: .init()].requests += count.requests - known.requests
                    state.uses[place, default: .init()].rateLimited += max(0, count.rateLimited - known.rateLimited)
                    state.changed.insert(place)
                }
            }
            state.seen = readings
        }
    }

    /// The keys that there are now, and what they did since `start`.
    func facts(from start: Int64) -> [KeyFacts] {
        self.state.withLock { state in
            var sums: [ProviderID: [KeyRing.Count]] = state.seen.mapValues { $0.counts.map { _ in .init() } }
            for (place, count) in state.uses where place.hour >= MetricTier.hour.start(of: start) {
                guard sums[place.provider].map({ place.index < $0.count }) == true else { continue }
                sums[place.provider]?[place.index].requests += count.requests
                sums[place.provider]?[place.index].rateLimited += count.rateLimited
            }
            return sums.sorted { $0.key < $1.key }.flatMap { provider, counts in
                counts.enumerated().map { index, count in
                    KeyFacts(
                        provider: provider, index: index, requests: count.requests, rateLimited: count.rateLimited)
                }
            }
        }
    }

    /// What changed since it was last asked.
    func takeChanges() -> [StoredKeyUse] {
        self.state.withLock { state in
            defer { state.changed = [] }
            return state.changed.compactMap { place in
                state.uses[place].map {
                    StoredKeyUse(
                        provider: place.provider, place: place.index, hour: place.hour, requests: $0.requests,
                        rateLimited: $0.rateLimited)
                }
            }
        }
    }

    /// The store could not take them.
    func putBack(_ uses: [StoredKeyUse]) {
        self.state.withLock { state in
            for use in uses {
                state.changed.insert(Place(provider: use.provider, index: use.place, hour: use.hour))
            }
        }
    }

    func forget(before time: Int64) {
        self.state.withLock { state in state.uses = state.uses.filter { $0.key.hour >= time } }
    }
}
