/// A text that must be a JSON object, such as a schema. Checked before it is sent on as it is.
enum JSONObjectText {
    /// The longest, in bytes.
    static let longest = 1 << 20
    /// Arrays and objects inside one another.
    static let depth = 512

    /// - Returns: what is wrong with it, in words; `nil` when it is one.
    static func problem(of text: String) -> String? {
        guard text.utf8.count <= self.longest else { return "it has \(text.utf8.count) bytes, more than 1 MiB" }
        do {
            let json = try JSONText(text, depth: self.depth)
            return json.root.kind == .object ? nil : "an object in braces is expected, got \(text.prefix(40))"
        } catch {
            return error.description
        }
    }
}
