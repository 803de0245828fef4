/// A key that never shows itself: descriptions, dumps and string interpolation all say `[redacted]`.
package struct Secret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let value: String

    package init(_ value: String) {
        self.value = value
    }

    /// The key itself, for the header that needs it.
    package var revealed: String { self.value }
    package var isEmpty: Bool { self.value.isEmpty }
    package var description: String { "[redacted]" }
    package var debugDescription: String { "[redacted]" }
    package var customMirror: Mirror { Mirror(self, children: []) }

    /// `text` with the key taken out, should somebody have echoed it, and with what a cut has left of it: text that was
    /// shortened ends with `…`.
    package func redact(_ text: String) -> String {
        guard self.value.utf8.count >= Self.shortest else { return text }
        return text.split(separator: self.value, omittingEmptySubsequences: false)
            .joined(separator: "[redacted]")
            .split(separator: "…", omittingEmptySubsequences: false)
            .map { self.withoutBeginningOfKey($0) }
            .joined(separator: "…")
    }

    /// Shorter keys, and shorter pieces of one, are words like others.
    private static let shortest = 4

    private func withoutBeginningOfKey(_ text: Substring) -> String {
        var beginning = self.value.dropLast()
        while beginning.utf8.count >= Self.shortest {
            if text.hasSuffix(beginning) { return text.dropLast(beginning.count) + "[redacted]" }
            beginning.removeLast()
        }
        return String(text)
    }
}
