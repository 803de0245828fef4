import Yams

/// One step from a node to a node in it.
enum YAMLStep: Hashable {
    case key(String)
    case index(Int)
}

extension Node {
    subscript(path path: some Collection<YAMLStep>) -> Node? {
        var node = self
        for step in path {
            switch step {
            case .key(let name):
                guard let value = node.mapping?.first(where: { $0.key.scalar?.string == name })?.value else {
                    return nil
                }
                node = value
            case .index(let index):
                guard let sequence = node.sequence, index < sequence.count else { return nil }
                node = sequence[index]
            }
        }
        return node
    }

    /// The node with another value at a place; mappings and lists that lead there are made.
    ///
    /// - Parameter value: `nil` takes the value away, and mappings that are empty then.
    /// - Returns: `nil` when nothing is left.
    func replacing(_ path: ArraySlice<YAMLStep>, with value: Node?) -> Node? {
        guard let step = path.first else { return value }
        let rest = path.dropFirst()
        switch step {
        case .key(let name):
            var pairs = self.mapping.map { $0.map { ($0.key, $0.value) } } ?? []
            if let index = pairs.firstIndex(where: { $0.0.scalar?.string == name }) {
                if let changed = pairs[index].1.replacing(rest, with: value) {
                    pairs[index].1 = changed
                } else {
                    pairs.remove(at: index)
                }
            } else if let made = Node("").replacing(rest, with: value) {
                pairs.append((Node(name, .implicit, .any), made))
            }
            return pairs.isEmpty ? nil : Node(pairs)
        case .index(let index):
            var nodes = self.sequence.map { Array($0) } ?? []
            if index < nodes.count {
                if let changed = nodes[index].replacing(rest, with: value) {
                    nodes[index] = changed
                } else {
                    nodes.remove(at: index)
                }
            } else if let made = Node("").replacing(rest, with: value) {
                nodes.append(made)
            }
            return nodes.isEmpty ? nil : Node(nodes)
        }
    }
}

extension YAMLValue {
    /// What a parsed text says, on its way into another one.
    ///
    /// - Returns: `nil` for a text with nothing at a place where a value should be.
    init?(_ node: Node) {
        switch node {
        case .scalar(let scalar):
            guard !node.isNothing else { return nil }
            self = .text(scalar.string)
        case .sequence(let sequence):
            let values = sequence.map(YAMLValue.init)
            guard !values.contains(where: { $0 == nil }) else { return nil }
            self = .list(values.compactMap(\.self))
        case .mapping(let mapping):
            var pairs: [(String, YAMLValue)] = []
            for (key, value) in mapping {
                guard let name = key.scalar?.string, let value = YAMLValue(value) else { return nil }
                pairs.append((name, value))
            }
            self = .map(pairs)
        case .alias: return nil
        }
    }

    /// A node with these texts.
    var node: Node {
        switch self {
        case .text(let text): Node(text, .implicit, .doubleQuoted)
        case .secret(let secret): Node(secret.expose(), .implicit, .doubleQuoted)
        case .list(let values): Node(values.map(\.node), .implicit, .flow)
        case .map(let pairs): Node(pairs.map { (Node($0.0), $0.1.node) }, .implicit, .flow)
        }
    }
}
