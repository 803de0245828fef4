/// A path of google/api/http.proto: `/api/v1/models/{model=**}:load`.
///
///     Template = "/" Segments [ Verb ] ;
///     Segments = Segment { "/" Segment } ;
///     Segment  = "*" | "**" | LITERAL | Variable ;
///     Variable = "{" FieldPath [ "=" Segments ] "}" ;
///     FieldPath = IDENT { "." IDENT } ;
///     Verb     = ":" LITERAL ;
struct PathTemplate: Sendable, Hashable {
    enum Segment: Sendable, Hashable {
        /// Decoded.
        case literal(String)
        /// `*`: one segment, not empty.
        case any
        /// `**`: one segment or more, none empty. Always the last.
        case rest
    }

    /// A field that takes its value from the path.
    struct Variable: Sendable, Hashable {
        /// From the request: `["model", "id"]`.
        var field: [String]
        /// Which of ``PathTemplate/segments`` it takes.
        var segments: Range<Int>

        var name: String { self.field.joined(separator: ".") }
    }

    /// As it was written.
    let text: String
    private(set) var segments: [Segment] = []
    private(set) var variables: [Variable] = []
    /// What stands behind the last colon, without it: `load`.
    private(set) var verb: String?

    /// - Throws: ``Malformed`` for what is not of the grammar.
    init(_ text: String) throws(Malformed) {
        self.text = text
        var parser = Parser(text)
        try parser.template()
        (self.segments, self.variables, self.verb) = (parser.segments, parser.variables, parser.verb)
    }

    struct Malformed: Error, Hashable, CustomStringConvertible {
        let template: String
        /// In bytes.
        let offset: Int
        let expected: String

        var description: String { "path template '\(self.template)' at byte \(self.offset): expected \(self.expected)" }
    }

    // MARK: - Matching

    /// - Returns: the values of ``variables``, decoded and in their order; `nil` when the path is another one.
    func match(_ path: RequestPath) -> [String]? {
        guard let parts = path.segments(before: self.verb) else { return nil }
        if self.segments.last == .rest {
            guard parts.count >= self.segments.count else { return nil }
        } else {
            guard parts.count == self.segments.count else { return nil }
        }
        for (segment, part) in zip(self.segments, parts) {
            if case .literal(let literal) = segment, literal != part { return nil }
        }
        return self.variables.map { variable in
            // Only the last segment can be more than one part.
            let end = variable.segments.upperBound
            let last = end == self.segments.count ? parts.count : end
            return parts[variable.segments.lowerBound..<last].joined(separator: "/")
        }
    }

    /// Whether it is to be tried before another: with a verb before without one, then literals before `*` before `**`,
    /// from the left.
    func isMoreSpecific(than other: PathTemplate) -> Bool {
        if (self.verb == nil) != (other.verb == nil) { return self.verb != nil }
        for (mine, theirs) in zip(self.segments, other.segments) where mine.rank != theirs.rank {
            return mine.rank < theirs.rank
        }
        return self.segments.count > other.segments.count
    }

    /// The same for all templates that match exactly the same paths.
    var shape: String {
        let parts = self.segments.map { segment in
            switch segment {
            case .literal(let text): "/'\(text)'"
            case .any: "/*"
            case .rest: "/**"
            }
        }
        return parts.joined() + (self.verb.map { ":\($0)" } ?? "")
    }

    /// Nothing of the path varies, or a verb says what is meant. Then nobody means another route by it.
    var isUnmistakable: Bool { self.verb != nil || self.variables.isEmpty }
}

extension PathTemplate.Segment {
    fileprivate var rank: Int {
        switch self {
        case .literal: 0
        case .any: 1
        case .rest: 2
        }
    }
}

/// The path of a request, taken apart.
///
/// Every `%2F` becomes a slash, also in a variable of many segments, where google/api/http.proto would leave it: names of
/// models have slashes, and clients that encode them mean the same model.
struct RequestPath: Sendable {
    /// Decoded, the last one with its verb if it has one.
    private let parts: [String]
    /// The last one as it was sent: an encoded colon is part of a name.
    private let last: Substring

    /// - Returns: `nil` for a path that is not UTF-8, has a percent sign without two hexadecimal digits behind it, or has an
    ///   empty segment.
    init?(_ path: some StringProtocol) {
        let raw = path.split(separator: "/", omittingEmptySubsequences: false)
        guard raw.count > 1, raw.first?.isEmpty == true, let last = raw.last else { return nil }
        var parts: [String] = []
        for part in raw.dropFirst() {
            guard !part.isEmpty, let decoded = PercentEncoding.decode(part) else { return nil }
            parts.append(decoded)
        }
        self.parts = parts
        self.last = Substring(last)
    }

    /// - Returns: the segments without the verb, decoded; `nil` when the path does not end with it.
    fileprivate func segments(before verb: String?) -> [String]? {
        guard let verb else { return self.parts }
        guard self.last.utf8.count > verb.utf8.count + 1, self.last.hasSuffix(verb) else { return nil }
        let name = self.last.dropLast(verb.count)
        guard name.last == ":", let decoded = PercentEncoding.decode(name.dropLast()) else { return nil }
        return self.parts.dropLast() + [decoded]
    }
}
