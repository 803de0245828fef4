/// The values that a label may have, so that no client can make time series without end: what is not known is `other`.
package struct LabelSet: Sendable {
    /// What stands for all others.
    package static let other = "other"

    private var known: Set<String>
    private let most: Int

    /// - Parameters:
    ///   - known: values that are configured; all of them are known, however many.
    ///   - most: up to so many in all, ``admit(_:)`` makes others known.
    package init(_ known: some Sequence<String> = [], most: Int = 0) {
        self.known = Set(known)
        self.most = most
    }

    /// The value itself when it is known, else `other`.
    package func bounded(_ value: String) -> String { self.known.contains(value) ? value : Self.other }

    /// The same, and makes the value known while there is room.
    package mutating func admit(_ value: String) -> String {
        if self.known.contains(value) { return value }
        guard self.known.count < self.most else { return Self.other }
        self.known.insert(value)
        return value
    }
}
