import Yams

/// Changes single values of a YAML text and leaves everything else of it, comments included, as it is.
///
/// Each change is made to the text and to the tree. When the text does not mean what the tree says afterwards (a form
/// that is not known here, such as an anchor that several places share), it is written anew from the tree.
struct YAMLEditor {
    private(set) var text: String
    /// `nil` for a file with nothing but comments.
    private(set) var root: Node?
    /// Whether the text had to be written anew.
    private(set) var hasLostComments = false
    private let file: String

    /// - Parameter file: what messages call it.
    init(_ text: String, file: String) throws(ConfigurationError) {
        self.text = text
        self.file = file
        self.root = try Self.tree(text, file: file)
    }

    private static func tree(_ text: String, file: String) throws(ConfigurationError) -> Node? {
        let root = try YAMLDocument.parse(text, file: file).root
        return root?.isNothing == true ? nil : root
    }

    mutating func set(_ path: [YAMLStep], to value: YAMLValue) throws(ConfigurationError) {
        try self.take(self.edited(path, value), meaning: (self.root ?? Node("")).replacing(path[...], with: value.node))
    }

    mutating func remove(_ path: [YAMLStep]) throws(ConfigurationError) {
        guard let root = self.root, root[path: path] != nil else { return }
        try self.take(self.removed(path, in: root), meaning: root.replacing(path[...], with: nil))
    }

    /// Puts texts of the file's own, as they are written, in place of others.
    ///
    /// - Parameter replacements: where, and the texts, which lie apart from each other.
    mutating func replace(
        _ replacements: [(range: Range<Int>, text: String)], meaning tree: Node?
    ) throws(ConfigurationError) {
        var text = YAMLText(self.text)
        for (range, replacement) in replacements.sorted(by: { $0.range.lowerBound > $1.range.lowerBound }) {
            text.replace(range, with: replacement)
        }
        try self.take(text.string, meaning: tree)
    }

    private mutating func take(_ candidate: String?, meaning tree: Node?) throws(ConfigurationError) {
        if let candidate, let parsed = try? Self.tree(candidate, file: self.file) {
            if let tree, parsed.means(tree) {
                (self.text, self.root) = (candidate, parsed)
                return
            }
        } else if let candidate, tree == nil {
            (self.text, self.root) = (candidate, nil)
            return
        }
        self.text = try Self.written(tree, file: self.file)
        self.root = try Self.tree(self.text, file: self.file)
        self.hasLostComments = true
    }

    /// A tree as a text without comments.
    static func written(_ tree: Node?, file: String) throws(ConfigurationError) -> String {
        guard let tree else { return "" }
        do {
            return try Yams.serialize(node: tree, allowUnicode: true)
        } catch {
            let location = ConfigurationLocation.file(path: file, line: 0, column: 0)
            throw ConfigurationError(problems: [
                ConfigurationProblem(location: location, key: nil, detail: "cannot be written as YAML")
            ])
        }
    }

    // MARK: - Setting

    private func edited(_ path: [YAMLStep], _ value: YAMLValue) -> String? {
        var text = YAMLText(self.text)
        guard let root = self.root else {
            return Self.insert(Self.lines(path[...], value, indentation: 0), at: text.scalars.count, of: &text)
        }
        var node = root
        var depth = 0
        while depth < path.count, let child = node[path: path[depth...depth]] {
            node = child
            depth += 1
        }
        let key = depth > 0 ? Self.keyNode(path[..<depth], in: root) : nil
        if depth == path.count { return Self.replace(node, key: key, with: value, in: &text) }
        return Self.add(path[depth...], value, to: node, key: key, in: &text)
    }

    /// The key that a path ends with; `nil` where it ends with an element.
    private static func keyNode(_ path: ArraySlice<YAMLStep>, in root: Node) -> Node? {
        guard case .key(let name)? = path.last, let parent = root[path: path.dropLast()] else { return nil }
        return parent.mapping?.first { $0.key.scalar?.string == name }?.key
    }

    private static func replace(_ node: Node, key: Node?, with value: YAMLValue, in text: inout YAMLText) -> String? {
        guard var range = text.extent(of: node) else { return nil }
        var written = value.flow
        if node.scalar == nil, !text.isFlow(node), let key {
            guard let colon = Self.colon(of: key, in: text) else { return nil }
            range = colon + 1..<range.upperBound
        }
        if range.lowerBound > 0, !YAMLText.isBlank(text.scalars[range.lowerBound - 1]),
            !YAMLText.isBreak(text.scalars[range.lowerBound - 1])
        {
            written = " " + written
        }
        text.replace(range, with: written)
        return text.string
    }

    private static func colon(of key: Node, in text: YAMLText) -> Int? {
        guard let end = text.extent(of: key)?.upperBound else { return nil }
        let colon = text.scalars[end...].firstIndex { !YAMLText.isBlank($0) }
        return colon.flatMap { text.scalars[$0] == ":" ? $0 : nil }
    }

    /// Puts what is not there yet into the nearest thing around it.
    private static func add(
        _ path: ArraySlice<YAMLStep>, _ value: YAMLValue, to node: Node, key: Node?, in text: inout YAMLText
    ) -> String? {
        guard let range = text.extent(of: node) else { return nil }
        if node.isNothing {
            guard let key, let keyStart = text.extent(of: key)?.lowerBound else { return nil }
            let lines = Self.lines(path, value, indentation: text.column(at: keyStart) + 2)
            return Self.insert(lines, at: text.nextLine(after: range.upperBound), of: &text)
        }
        if text.isFlow(node) {
            let (first, isKey) = Self.flow(path, value)
            let children = node.sequence?.count ?? node.mapping?.count ?? 0
            guard isKey == (node.mapping != nil) else { return nil }
            guard children > 0 else {
                text.replace(range, with: isKey ? "{ \(first) }" : "[\(first)]")
                return text.string
            }
            guard
                let end = (node.sequence?.last ?? node.mapping.flatMap { Array($0).last?.value }).flatMap(text.extent)?
                    .upperBound
            else { return nil }
            text.replace(end..<end, with: ", \(first)")
            return text.string
        }
        let start: Int
        switch (path.first, node) {
        case (.key, .mapping(let mapping)):
            guard let first = mapping.first.flatMap({ text.extent(of: $0.key) }) else { return nil }
            start = first.lowerBound
        case (.index, .sequence(let sequence)):
            guard let last = sequence.last.flatMap({ text.extent(of: $0) }),
                let dash = Self.dash(before: last, in: text)
            else { return nil }
            start = dash
        default: return nil
        }
        let lines = Self.lines(path, value, indentation: text.column(at: start))
        return Self.insert(lines, at: text.nextLine(after: range.upperBound), of: &text)
    }

    private static func dash(before element: Range<Int>, in text: YAMLText) -> Int? {
        let before = text.scalars[..<element.lowerBound]
        guard let index = before.lastIndex(where: { !YAMLText.isBlank($0) && !YAMLText.isBreak($0) }),
            before[index] == "-"
        else { return nil }
        return index
    }

    private static func insert(_ lines: [String], at offset: Int, of text: inout YAMLText) -> String? {
        let end = text.lineEnd
        let needsEnd = offset > 0 && !YAMLText.isBreak(text.scalars[offset - 1])
        text.replace(offset..<offset, with: (needsEnd ? end : "") + lines.joined(separator: end) + end)
        return text.string
    }

    private static func lines(_ path: ArraySlice<YAMLStep>, _ value: YAMLValue, indentation: Int) -> [String] {
        let space = String(repeating: " ", count: indentation)
        guard let step = path.first else { return ["\(space)\(value.flow)"] }
        let rest = path.dropFirst()
        switch step {
        case .key(let name):
            let start = "\(space)\(YAMLValue.quote(name)):"
            if rest.isEmpty { return ["\(start) \(value.flow)"] }
            return [start] + Self.lines(rest, value, indentation: indentation + 2)
        case .index:
            var lines = Self.lines(rest, value, indentation: indentation + 2)
            lines[0] = "\(space)- \(lines[0].dropFirst(indentation + 2))"
            return lines
        }
    }

    /// A pair or an element, for between brackets.
    private static func flow(_ path: ArraySlice<YAMLStep>, _ value: YAMLValue) -> (text: String, isKey: Bool) {
        let inner = path.dropFirst().reversed().reduce(value) { value, step in
            switch step {
            case .key(let name): .map([(name, value)])
            case .index: .list([value])
            }
        }
        guard case .key(let name)? = path.first else { return (inner.flow, false) }
        return ("\(YAMLValue.quote(name)): \(inner.flow)", true)
    }

    // MARK: - Removing

    private func removed(_ path: [YAMLStep], in root: Node) -> String? {
        var text = YAMLText(self.text)
        var path = path[...]
        // What would be left empty goes too.
        while let parent = path.isEmpty ? nil : root[path: path.dropLast()],
            (parent.mapping?.count ?? parent.sequence?.count ?? 0) == 1
        {
            path = path.dropLast()
        }
        guard let step = path.last, let parent = root[path: path.dropLast()] else {
            guard let range = text.extent(of: root) else { return nil }
            text.replace(text.lineStart(at: range.lowerBound)..<text.nextLine(after: range.upperBound), with: "")
            return text.string
        }
        guard let range = Self.range(of: step, in: parent, text) else { return nil }
        text.replace(range, with: "")
        return text.string
    }

    private static func range(of step: YAMLStep, in parent: Node, _ text: YAMLText) -> Range<Int>? {
        var children: [(start: Int, end: Int)] = []
        var place: Int?
        if let mapping = parent.mapping {
            for (index, pair) in mapping.enumerated() {
                guard let key = text.extent(of: pair.key), let value = text.extent(of: pair.value) else { return nil }
                if step == .key(pair.key.scalar?.string ?? "") { place = index }
                children.append((key.lowerBound, max(key.upperBound, value.upperBound)))
            }
        } else if let sequence = parent.sequence {
            for (index, node) in sequence.enumerated() {
                guard let range = text.extent(of: node) else { return nil }
                if step == .index(index) { place = index }
                let start = text.isFlow(parent) ? range.lowerBound : Self.dash(before: range, in: text)
                guard let start else { return nil }
                children.append((start, range.upperBound))
            }
        }
        guard let place else { return nil }
        let (start, end) = children[place]
        let isLast = place == children.count - 1
        if text.isFlow(parent) {
            return isLast ? children[place - 1].end..<end : start..<children[place + 1].start
        }
        let line = text.lineStart(at: start)
        if text.scalars[line..<start].allSatisfy({ $0 == " " }) { return line..<text.nextLine(after: end) }
        // The first pair of an element, behind its dash.
        return isLast ? nil : start..<children[place + 1].start
    }
}
