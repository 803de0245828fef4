internal import Synchronization

/// Output tokens that a model gave since its figures were made, those of answers that still run among them.
///
/// Written with every token: one addition, no lock. Where an upstream counts only at the end, tokens are estimated until
/// then and set right afterwards, so the count may also go down a little.
public final class OutputCounter: Sendable {
    private let count = Atomic<Int>(0)

    public init() {}

    public var tokens: Int { self.count.load(ordering: .relaxed) }

    /// - Parameter tokens: less than nothing where more had been estimated.
    public func add(_ tokens: Int) { self.count.wrappingAdd(tokens, ordering: .relaxed) }
}
