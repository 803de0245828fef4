/// Writes HTML. Whatever comes from elsewhere goes through ``text(_:)`` or an attribute, and both escape it.
struct HTMLText {
    private(set) var html = ""

    /// - Parameters:
    ///   - attributes: written in this order. One without a value (`open`) has an empty one.
    ///   - body: writes what is inside.
    mutating func element(
        _ name: StaticString, _ attributes: KeyValuePairs<StaticString, String> = [:],
        _ body: (inout HTMLText) -> Void = { _ in }
    ) {
        self.open(name, attributes)
        body(&self)
        self.html += "</\(name)>"
    }

    mutating func element(_ name: StaticString, _ attributes: KeyValuePairs<StaticString, String> = [:], text: String) {
        self.element(name, attributes) { $0.text(text) }
    }

    /// One that has no end: `meta`, `input`.
    mutating func void(_ name: StaticString, _ attributes: KeyValuePairs<StaticString, String>) {
        self.open(name, attributes)
    }

    mutating func text(_ text: String) {
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": self.html += "&amp;"
            case "<": self.html += "&lt;"
            case ">": self.html += "&gt;"
            case "\"": self.html += "&quot;"
            case "'": self.html += "&#39;"
            default: self.html.unicodeScalars.append(scalar)
            }
        }
    }

    /// Markup of ours, as it stands.
    mutating func markup(_ markup: StaticString) {
        self.html += "\(markup)"
    }

    /// Where names in backticks are code.
    mutating func prose(_ text: String) {
        for (index, part) in text.split(separator: "`", omittingEmptySubsequences: false).enumerated() {
            if index.isMultiple(of: 2) { self.text(String(part)) } else { self.element("code", text: String(part)) }
        }
    }

    mutating func paragraphs(_ text: ReferenceText) {
        for paragraph in text.paragraphs {
            switch paragraph {
            case .prose(let prose): self.element("p") { $0.prose(prose) }
            case .code(let lines): self.element("pre") { $0.element("code", text: lines.joined(separator: "\n")) }
            }
        }
    }

    private mutating func open(_ name: StaticString, _ attributes: KeyValuePairs<StaticString, String>) {
        self.html += "<\(name)"
        for (key, value) in attributes {
            self.html += " \(key)"
            guard !value.isEmpty else { continue }
            self.html += "=\""
            self.text(value)
            self.html += "\""
        }
        self.html += ">"
    }
}
