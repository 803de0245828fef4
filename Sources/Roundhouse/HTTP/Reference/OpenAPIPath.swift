/// A path of an annotation in OpenAPI's words, which know no pattern for a variable: `/api/v1/models/{model}:load`.
struct OpenAPIPath {
    private(set) var text = ""
    /// Names as in ``text``, with what they stand for.
    private(set) var parameters: [(name: String, variable: PathTemplate.Variable)] = []

    /// - Parameter names: what a variable is called, by its place; its own name when there is none.
    init(_ template: PathTemplate, names: [String: String]) {
        let starts = Dictionary(
            Self.places(of: template).map { ($1.segments.lowerBound, ($0, $1)) },
            uniquingKeysWith: { first, _ in first })
        var index = 0
        while index < template.segments.count {
            if let (place, variable) = starts[index] {
                let name = names[place] ?? variable.name
                self.text += "/{\(name)}"
                self.parameters.append((name, variable))
                index = variable.segments.upperBound
                continue
            }
            switch template.segments[index] {
            case .literal(let text): self.text += "/\(text)"
            // Without a variable, whatever stands there.
            case .any, .rest: self.text += "/*"
            }
            index += 1
        }
        if let verb = template.verb { self.text += ":\(verb)" }
    }

    /// The variables of a template by their place: the path before each, in which no names are.
    static func places(of template: PathTemplate) -> [(place: String, variable: PathTemplate.Variable)] {
        var place = ""
        var found: [(String, PathTemplate.Variable)] = []
        var index = 0
        while index < template.segments.count {
            if let variable = template.variables.first(where: { $0.segments.lowerBound == index }) {
                place += "/{}"
                found.append((place, variable))
                index = variable.segments.upperBound
            } else {
                if case .literal(let text) = template.segments[index] { place += "/\(text)" } else { place += "/*" }
                index += 1
            }
        }
        return found
    }
}
