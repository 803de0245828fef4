internal import Inference

/// Capabilities as bits, so that a model is compared with what a request needs in one step.
struct CapabilitySet: OptionSet, Sendable, Hashable {
    let rawValue: UInt32

    init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    init(_ capabilities: some Sequence<Capability>) {
        self.rawValue = capabilities.reduce(0) { $0 | $1.bit }
    }

    /// Of models about which nothing is known: nothing keeps them from anything.
    static let unknown = CapabilitySet(rawValue: .max)

    func contains(_ capability: Capability) -> Bool { self.rawValue & capability.bit != 0 }

    /// Sorted by name.
    var capabilities: [Capability] { Capability.allCases.filter(self.contains).sorted() }
}

/// Categories as bits.
struct CategorySet: OptionSet, Sendable, Hashable {
    let rawValue: UInt8

    init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    init(_ category: ModelCategory) {
        self.rawValue = 1 << category.number
    }

    static let all = CategorySet(rawValue: .max)
}

extension Capability {
    fileprivate var bit: UInt32 {
        switch self {
        case .chat: 1 << 0
        case .completion: 1 << 1
        case .streaming: 1 << 2
        case .tools: 1 << 3
        case .jsonSchema: 1 << 4
        case .vision: 1 << 5
        case .reasoning: 1 << 6
        case .embeddings: 1 << 7
        case .prefill: 1 << 8
        }
    }
}

extension ModelCategory {
    /// From 0, without gaps.
    var number: UInt8 {
        switch self {
        case .text: 0
        case .image: 1
        case .voice: 2
        case .video: 3
        case .embedding: 4
        }
    }
}
