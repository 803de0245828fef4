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

    /// `text` with the key taken out, should somebody have echoed it.
    package func redact(_ text: String) -> String {
        guard self.value.utf8.count >= 4, text.contains(self.value) else { return text }
        return text.split(separator: self.value, omittingEmptySubsequences: false).joined(separator: "[redacted]")
    }
}
