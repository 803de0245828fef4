internal import GRPCCore

/// A call failed that carried expressions, such as a filter: where one of them is at fault, it is shown with the place.
struct ExpressionError: Error {
    var error: RPCError
    /// By the request's field.
    var expressions: [String: String]
}

/// A piece of an expression and a mark under one of its characters.
struct ExpressionExcerpt: Sendable, Hashable {
    /// Characters before and after the mark: enough to find the place, and no line that wraps.
    private static let before = 40
    private static let after = 30

    /// Two lines.
    let lines: [String]

    /// - Parameter position: of the character (a Unicode scalar, as the server counts), from 1; one beyond the last
    ///   means that something is missing at the end. Nil for any other.
    init?(_ expression: String, position: Int) {
        let scalars = Array(expression.unicodeScalars)
        guard (1...scalars.count + 1).contains(position) else { return nil }
        let index = position - 1
        let (start, end) = (max(0, index - Self.before), min(scalars.count, index + Self.after))
        let head = (start > 0 ? "…" : "") + Self.shown(scalars[start..<index])
        let tail = Self.shown(scalars[index..<end]) + (end < scalars.count ? "…" : "")
        self.lines = [head + tail, String(repeating: " ", count: TerminalText.width(head)) + "^"]
    }

    private static func shown(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        return TerminalText.singleLine(String(view))
    }
}
