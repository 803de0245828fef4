package import Inference
import NIOPosix
import Synchronization

/// The keys of one provider: loads them where they come from, gives out the one to use, and learns from faults.
///
/// ``KeyRotation`` decides which; here is when they are loaded. Whoever first needs keys that are missing, too old or
/// rejected loads them in its own task, and those who come meanwhile wait for it. Keys are named by their places, never shown.
package final class KeyRing: Sendable {
    /// For one source to give its keys.
    package static let timeLimit: Duration = .seconds(10)
    /// The least time between two loads: a source that fails, or gives keys that are rejected, is not asked at every request.
    static let loadInterval: Duration = .seconds(10)
    /// The same while other keys do: a source that hangs would hold up a request each time.
    static let repairInterval: Duration = .seconds(60)

    /// A key given out.
    package struct Lease: Sendable, CustomStringConvertible {
        package let secret: Secret
        let place: Int
        let count: Int

        /// `key 2 of 3`
        package var description: String { "key \(self.place + 1) of \(self.count)" }
    }

    /// What one key did since it was first loaded.
    package struct Count: Sendable, Hashable {
        /// Requests that were sent with it, and those that were not because it rested.
        package var requests: Int64 = 0
        /// Those that the upstream answered with 429, and those that were not sent because of that.
        package var rateLimited: Int64 = 0

        package init(requests: Int64 = 0, rateLimited: Int64 = 0) {
            self.requests = requests
            self.rateLimited = rateLimited
        }
    }

    private struct State {
        /// By source. What a source once gave is kept while it fails.
        var secrets: [[Secret]]
        var all: [Secret] = []
        /// Of ``all``, by place.
        var counts: [Count] = []
        var rotation = KeyRotation(count: 0)
        /// When the next load is due.
        var loadsAt: KeyRotation.Instant?
        var lastLoad: KeyRotation.Instant?
        /// A key was rejected: what comes from a load may be better.
        var isRejected = false
        var trouble: String?
        var isLoading = false
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
        var nextWaiter = 0
    }

    private let sources: [KeySource]
    private let timeLimit: Duration
    private let now: @Sendable () -> KeyRotation.Instant
    private let state: Mutex<State>

    /// - Parameters:
    ///   - sources: their keys are used in this order: see ``KeyRotation``.
    ///   - now: tells the time.
    package init(
        _ sources: [KeySource], timeLimit: Duration = KeyRing.timeLimit,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        self.sources = sources
        self.timeLimit = timeLimit
        self.now = now
        self.state = Mutex(State(secrets: Array(repeating: [], count: sources.count)))
    }

    /// Keys that never change.
    package convenience init(keys: [Secret]) {
        self.init([])
        self.state.withLock { state in
            state.all = keys
            state.counts = keys.map { _ in Count() }
            state.rotation = KeyRotation(count: keys.count)
        }
    }

    /// What went wrong with the last load, for people; `nil` when nothing did.
    package var trouble: String? { self.state.withLock { $0.trouble } }

    /// What each key did, by its place.
    package var counts: [Count] { self.state.withLock { $0.counts } }

    /// The key to use for a request to `model`.
    ///
    /// - Parameter tried: keys that the request has tried already.
    /// - Throws: ``UpstreamFault/Kind/rateLimited(retryAfter:)`` when every key rests;
    ///   ``UpstreamFault/Kind/authenticationFailed`` when there is none or the upstream rejected all;
    ///   ``UpstreamFault/Kind/cancelled``.
    package func take(for model: String, besides tried: [Secret] = []) async throws(UpstreamFault) -> Lease {
        while true {
            switch self.next(model, tried) {
            case .lease(let lease): return lease
            case .fault(let fault): throw fault
            case .load: await self.load()
            case .wait: await self.wait()
            }
            if Task.isCancelled { throw UpstreamFault(.cancelled, "the request was cancelled before it had a key") }
        }
    }

    /// Draws the consequence of what the upstream said to a key.
    package func report(_ fault: UpstreamFault, of lease: Lease, for model: String) {
        guard fault.concernsKey else { return }
        let now = self.now()
        self.state.withLock { state in
            // By the key itself: its place may be another one since keys were loaded anew.
            guard let place = state.all.firstIndex(of: lease.secret) else { return }
            if case .rateLimited = fault.kind { state.counts[place].rateLimited += 1 }
            state.rotation.report(fault, of: place, for: model, now: now)
            if case .authenticationFailed = fault.kind, self.sources.contains(where: \.isChangeable) {
                state.isRejected = true
            }
        }
    }

    // MARK: - Which, and when to load

    private enum Next {
        case lease(Lease)
        case fault(UpstreamFault)
        case load
        case wait
    }

    private func next(_ model: String, _ tried: [Secret]) -> Next {
        let now = self.now()
        return self.state.withLock { state in
            let mayLoad = state.lastLoad.map { now - $0 >= Self.loadInterval } ?? true
            let isDue = state.all.isEmpty || state.isRejected || state.loadsAt.map { now >= $0 } ?? false
            if isDue, state.isLoading {
                // Keys that are merely old do for those who come while they are loaded anew.
                if state.all.isEmpty || state.isRejected { return .wait }
            } else if isDue, mayLoad {
                state.isLoading = true
                state.lastLoad = now
                return .load
            }
            guard !state.all.isEmpty else {
                return .fault(
                    UpstreamFault(.authenticationFailed, "there is no key: \(state.trouble ?? "none is set")"))
            }
            do throws(UpstreamFault) {
                let all = state.all
                let place = try state.rotation.take(for: model, now: now) { !tried.contains(all[$0]) }
                state.counts[place].requests += 1
                return .lease(Lease(secret: state.all[place], place: place, count: state.all.count))
            } catch {
                // Refused here for what the upstream would say; who has tried one has been counted.
                if case .rateLimited = error.kind, tried.isEmpty {
                    for place in state.counts.indices {
                        state.counts[place].requests += 1
                        state.counts[place].rateLimited += 1
                    }
                }
                return .fault(error)
            }
        }
    }

    private func wait() async {
        let number = self.state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = self.state.withLock { state in
                    guard state.isLoading, !Task.isCancelled else { return true }
                    state.waiters[number] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            self.state.withLock { $0.waiters.removeValue(forKey: number) }?.resume()
        }
    }

    private func load() async {
        let results = await self.loaded()
        let now = self.now()
        let isCancelled = Task.isCancelled
        let waiters = self.state.withLock { state in
            state.isLoading = false
            if isCancelled {
                // It says nothing about the sources: the next who needs a key asks them.
                state.lastLoad = nil
            } else {
                self.take(results, into: &state, now)
            }
            let waiters = state.waiters.values.map { $0 }
            state.waiters = [:]
            return waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    private func take(
        _ results: [Result<[Secret], KeySource.Unusable>], into state: inout State, _ now: KeyRotation.Instant
    ) {
        state.trouble = nil
        for (place, result) in results.enumerated() {
            switch result {
            case .success(let secrets): state.secrets[place] = secrets
            case .failure(let unusable):
                state.trouble = state.trouble ?? "\(self.sources[place].name) \(unusable)"
            }
        }
        var all: [Secret] = []
        // A key twice would be asked twice.
        for secret in state.secrets.joined() where !all.contains(secret) { all.append(secret) }
        let places = all.map { state.all.firstIndex(of: $0) }
        state.rotation = state.rotation.reloaded(places)
        state.counts = places.map { place in place.map { state.counts[$0] } ?? Count() }
        state.all = all
        state.isRejected = false
        state.loadsAt = self.sources.compactMap(\.lifetime).min().map { now + $0 }
        // What could not be had is asked for again soon.
        if state.trouble != nil { state.loadsAt = now + Self.repairInterval }
        state.lastLoad = now
    }

    // MARK: - Loading

    /// The sources side by side, on threads that may block: an event loop would stand still meanwhile.
    private func loaded() async -> [Result<[Secret], KeySource.Unusable>] {
        await withTaskExecutorPreference(BlockingExecutor.shared) {
            await withTaskGroup(of: (Int, Result<[Secret], KeySource.Unusable>).self) { group in
                for (place, source) in self.sources.enumerated() {
                    group.addTask { (place, await Self.loaded(source, within: self.timeLimit)) }
                }
                var results = [Result<[Secret], KeySource.Unusable>](
                    repeating: .failure(KeySource.Unusable("was not asked")), count: self.sources.count)
                for await (place, result) in group { results[place] = result }
                return results
            }
        }
    }

    private static func loaded(
        _ source: KeySource, within limit: Duration
    ) async -> Result<[Secret], KeySource.Unusable> {
        await withTaskGroup(of: Result<[Secret], KeySource.Unusable>.self) { group in
            group.addTask {
                do {
                    let secrets = try await source.load().filter { !$0.isEmpty }
                    return secrets.isEmpty ? .failure(KeySource.Unusable("holds no key")) : .success(secrets)
                } catch let unusable as KeySource.Unusable {
                    return .failure(unusable)
                } catch {
                    return .failure(KeySource.Unusable("failed: \(String(describing: error).prefix(200))"))
                }
            }
            group.addTask {
                try? await Task.sleep(for: limit)
                return .failure(KeySource.Unusable("gave no key within \(limit)"))
            }
            let first = await group.next()
            group.cancelAll()
            return first ?? .failure(KeySource.Unusable("was not asked"))
        }
    }
}

/// Runs tasks on the threads that NIO keeps for work that blocks.
private final class BlockingExecutor: TaskExecutor {
    static let shared = BlockingExecutor()

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        NIOThreadPool.singleton.submit { _ in unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
