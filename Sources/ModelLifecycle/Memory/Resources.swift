import Inference

/// Something that there is only so much of: a place among the loaded models is one, like the bytes of a memory.
enum Resource: Sendable, Hashable, Comparable {
    case memory(MemoryDevice)
    /// One of ``LifecycleLimits/maxLoadedModels``.
    case place
}

/// Amounts of resources. What is not named is zero.
struct Resources: Sendable, Hashable {
    private(set) var amounts: [Resource: Int64]

    init(_ amounts: [Resource: Int64] = [:]) {
        self.amounts = amounts
    }

    subscript(resource: Resource) -> Int64 {
        get { self.amounts[resource] ?? 0 }
        set { self.amounts[resource] = newValue }
    }

    /// What there is more than nothing of.
    var positive: Resources { Resources(self.amounts.filter { $0.value > 0 }) }

    var isEmpty: Bool { self.amounts.allSatisfy { $0.value == 0 } }

    /// Whether every amount is within `other`'s, for what `self` names.
    func fits(in other: Resources) -> Bool {
        self.amounts.allSatisfy { $0.value <= other[$0.key] }
    }

    static func + (left: Resources, right: Resources) -> Resources {
        Resources(left.amounts.merging(right.amounts) { $0 + $1 })
    }

    static func - (left: Resources, right: Resources) -> Resources {
        Resources(left.amounts.merging(right.amounts.mapValues { -$0 }) { $0 + $1 })
    }

    static func += (left: inout Resources, right: Resources) { left = left + right }
    static func -= (left: inout Resources, right: Resources) { left = left - right }
}

/// Bytes for people: `1.5 GiB`.
func describe(bytes: Int64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"]
    guard bytes >= 1024 else { return "\(bytes) B" }
    var divisor: Int64 = 1024
    var unit = 0
    while unit < units.count - 1, bytes / divisor >= 1024 {
        divisor *= 1024
        unit += 1
    }
    let whole = bytes / divisor
    let tenth = (bytes % divisor) * 10 / divisor
    return "\(whole).\(tenth) \(units[unit])"
}
