import Inference
import ModelRegistry
import Routing
import Synchronization
import Testing

/// A registry, figures and a selector over them, with a clock, draws and availabilities that the test sets.
final class SelectionBench: Sendable {
    let snapshot: RegistrySnapshot
    let figures: RoutingFigures
    let selector: RouteSelector
    private let state: Shared

    final class Shared: Sendable {
        let values = Mutex(Values())

        struct Values {
            var instant = ContinuousClock.now
            var availability: [ModelID: ProviderAvailability] = [:]
            var asked: [ModelID] = []
            var draws: [Int] = []
            var drawn: [Range<Int>] = []
            var wallClock: Int64 = 0
            var random: SeededGenerator?
        }
    }

    /// - Parameter seed: draws come from a generator with this seed; `nil`: from ``draws``, and then 0.
    init(
        _ snapshot: RegistrySnapshot, policy: SelectionPolicy = SelectionPolicy(), seed: UInt64? = nil,
        strategies: [any SelectionStrategy] = []
    ) {
        let state = Shared()
        state.values.withLock { $0.random = seed.map { SeededGenerator($0) } }
        self.state = state
        self.snapshot = snapshot
        self.figures = RoutingFigures(clock: { state.values.withLock { $0.instant } })
        self.selector = RouteSelector(
            figures: self.figures,
            availability: { id in
                state.values.withLock { values in
                    values.asked.append(id)
                    return values.availability[id] ?? .available
                }
            },
            policy: policy,
            strategies: strategies,
            draw: { range in
                state.values.withLock { values in
                    values.drawn.append(range)
                    if var random = values.random {
                        defer { values.random = random }
                        return Int.random(in: range, using: &random)
                    }
                    return values.draws.isEmpty ? 0 : values.draws.removeFirst()
                }
            },
            wallClock: { state.values.withLock { $0.wallClock } }
        )
    }

    func advance(_ duration: Duration) { self.state.values.withLock { $0.instant += duration } }
    func set(_ availability: ProviderAvailability, of names: String...) throws {
        for name in names {
            let id = try Self.id(name)
            self.state.values.withLock { $0.availability[id] = availability }
        }
    }
    func set(draws: [Int]) { self.state.values.withLock { $0.draws = draws } }
    func set(wallClock: Int64) { self.state.values.withLock { $0.wallClock = wallClock } }
    /// The ranges that were drawn from, in order.
    var drawn: [Range<Int>] { self.state.values.withLock { $0.drawn } }
    /// Whose availability was asked, in order.
    var asked: [ModelID] { self.state.values.withLock { $0.asked } }

    func figures(_ name: String) throws -> ModelFigures { self.figures[try Self.id(name)] }

    func decide(_ request: SelectionRequest) throws(SelectionError) -> RouteDecision {
        try self.selector.decide(request, in: self.snapshot)
    }

    /// The names of the candidates of a request, in order.
    func names(_ request: SelectionRequest) throws -> String { Self.names(try self.decide(request)) }

    func names(_ target: InferenceRequest.Target, _ strategy: String? = nil) throws -> String {
        try self.names(SelectionRequest(target: target, strategy: strategy))
    }

    static func names(_ decision: RouteDecision) -> String {
        decision.candidates.map(\.id.name).joined(separator: " ")
    }

    /// `p/name`, or an id with its provider.
    static func id(_ text: String) throws -> ModelID {
        try #require(ModelID(text.contains("/") ? text : "p/\(text)"))
    }

    /// Models `p/a`, `p/b`, … with these changes, an alias `x` over the targets (`a=3` with weights), and what else is
    /// wanted of providers and aliases.
    static func snapshot(
        _ names: String,
        targets: String = "",
        mode: Alias.Mode = .ordered,
        providers: [ProviderDescription] = [],
        aliases: [Alias] = [],
        change: (inout ModelDescription) -> Void = { _ in }
    ) throws -> RegistrySnapshot {
        let models = try names.split(separator: " ").map { name in
            var model = ModelDescription(id: try self.id(String(name)))
            change(&model)
            return model
        }
        let weighted = try targets.split(separator: " ").map { text in
            let parts = text.split(separator: "=")
            return Alias.Target(
                model: try self.id(String(parts[0])), weight: parts.count > 1 ? Int(parts[1]) ?? 1 : 1)
        }
        let known = Set(providers.map(\.id))
        let others = Set(models.map(\.id.provider)).subtracting(known)
        return try RegistrySnapshot(
            providers: providers + others.map { ProviderDescription(id: $0, kind: "openai") },
            models: models,
            aliases: aliases
                + (weighted.isEmpty ? [] : [Alias(name: "x", weightedTargets: weighted, mode: mode)])
        )
    }
}

extension SelectionError {
    /// The names of those that cannot answer now, or `nil` for other errors.
    var notReady: [String]? {
        guard case .nobodyReady(let unavailable) = self else { return nil }
        return unavailable.map(\.model.name)
    }

    /// What each model does not fulfil, as sentences; `nil` for other errors.
    var unmet: [String: [String]]? {
        guard case .requirementsNotMet(let unmet) = self else { return nil }
        return Dictionary(uniqueKeysWithValues: unmet.map { ($0.model.name, $0.rejections.map(\.description)) })
    }
}

/// Random numbers that are the same in every run: a failure can be looked at again.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) {
        self.state = seed
    }

    mutating func next() -> UInt64 {
        self.state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    mutating func happens(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }
    mutating func one<Element>(of elements: [Element]) -> Element {
        elements[Int.random(in: elements.indices, using: &self)]
    }
}
