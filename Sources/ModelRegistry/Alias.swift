public import Inference

/// A bare name that leads to models.
public struct Alias: Sendable, Hashable {
    public var name: String
    /// Never empty. In the mode ``Mode/ordered`` asked in this order.
    public var weightedTargets: [Target]
    public var mode: Mode
    /// What it led to before, newest first, at most ``historyLimit``.
    public var history: [Revision]
    public var provenance: Provenance

    /// How many revisions are kept.
    public static let historyLimit = 32

    public init(
        name: String,
        weightedTargets: [Target],
        mode: Mode = .ordered,
        history: [Revision] = [],
        provenance: Provenance = Provenance()
    ) {
        self.name = name
        self.weightedTargets = weightedTargets
        self.mode = mode
        self.history = history
        self.provenance = provenance
    }

    /// An alias whose targets are asked in order.
    public init(name: String, targets: [ModelID]) {
        self.init(name: name, weightedTargets: targets.map { Target(model: $0) })
    }

    /// The models, in the order given.
    public var targets: [ModelID] { self.weightedTargets.map(\.model) }

    /// What `SwitchModel` replaces: the first target.
    public var activeModel: ModelID? { self.weightedTargets.first?.model }

    public struct Target: Sendable, Hashable {
        public var model: ModelID
        /// 0...1000, its share of the requests in the mode ``Mode/weighted``; 0: only after the others failed.
        public var weight: Int

        public init(model: ModelID, weight: Int = 1) {
            self.model = model
            self.weight = weight
        }
    }

    /// How the targets share the requests.
    public enum Mode: String, Sendable, Hashable, CaseIterable, Codable {
        /// The first is asked, the others in turn when it fails.
        case ordered
        /// One is drawn by weight, the others follow by weight when it fails.
        case weighted
    }

    /// What the alias led to for a while.
    public struct Revision: Sendable, Hashable {
        public var targets: [Target]
        public var mode: Mode
        /// ``Provenance/etag`` of the alias then.
        public var etag: String
        /// Microseconds since 1970-01-01 UTC.
        public var replacedAtMicroseconds: Int64
        /// Why it was replaced, in the caller's words.
        public var reason: String

        public init(
            targets: [Target],
            mode: Mode,
            etag: String,
            replacedAtMicroseconds: Int64,
            reason: String
        ) {
            self.targets = targets
            self.mode = mode
            self.etag = etag
            self.replacedAtMicroseconds = replacedAtMicroseconds
            self.reason = reason
        }
    }
}
