import Inference
import ModelRegistry
import Yams

/// What stands behind the name of an alias: a model, a list of models, or a mapping of these keys.
struct AliasForm: Sendable {
    /// `nil` where nobody gave one.
    var mode: Alias.Mode?
    var targets: [Target] = []

    struct Target: Sendable {
        var model: ModelID?
        var weight: Int?
    }

    static let table: [Setting<AliasForm>] = [
        .optional("mode", \.mode, .choice, sample: .example("weighted"), "How the targets share the requests."),
        Setting(
            key: "targets",
            summary: "The models.",
            expectation: Self.expectation,
            sample: .required(""),
            decode: { node, name, root, decoder in
                guard let nodes = decoder.sequence(node, at: name, expected: Self.expectation) else { return }
                if nodes.isEmpty { decoder.report(name, found: "an empty list", expected: Self.expectation) }
                for (index, node) in nodes.enumerated() {
                    root.targets.append(decoder.aliasTarget(node, at: "\(name)[\(index)]"))
                }
            },
            render: { .list($0.targets.map { Self.target.rendered($0) }) }
        ),
    ]

    static let target: [Setting<Target>] = [
        .optional("model", \.model, .modelID, sample: .required("openai/gpt-4o-mini"), "The model."),
        .optional(
            "weight", \.weight, .integer(0...1000), sample: .example("9"),
            "Its share of the requests; 0: only when the others fail. Without it: 1."
        ),
    ]

    private static let expectation = "a list of models, or of mappings with model and weight"

    init() {}

    init(_ alias: RoundhouseConfiguration.Alias) {
        self.mode = alias.mode
        self.targets = alias.weightedTargets.map { Target(model: $0.model, weight: $0.weight) }
    }

    /// Those that could be read.
    var weightedTargets: [Alias.Target] {
        self.targets.compactMap { target in target.model.map { Alias.Target(model: $0, weight: target.weight ?? 1) } }
    }
}

extension ConfigurationDecoder {
    /// - Returns: `nil`, and reported, when there is no target left.
    mutating func aliasForm(_ node: Node, at path: String) -> AliasForm? {
        let expectation = "a model as \(ModelID.expectation), or a list of them"
        var form = AliasForm()
        if node.mapping != nil {
            self.mapping(node, at: path, AliasForm.table, into: &form)
            self.check(form, at: path)
        } else if node.sequence != nil {
            let models = self.list(node, at: path, .modelID, expected: expectation) ?? []
            if node.sequence?.isEmpty == true { self.report(path, found: "an empty list", expected: expectation) }
            form.targets = models.map { AliasForm.Target(model: $0) }
        } else if node.isNothing {
            self.note(path, node)
            self.report(path, found: node.kind, expected: expectation)
        } else if let model = self.scalar(node, at: path, .modelID) {
            form.targets = [AliasForm.Target(model: model)]
        }
        return form.weightedTargets.isEmpty ? nil : form
    }

    /// A target may be a model alone.
    fileprivate mutating func aliasTarget(_ node: Node, at path: String) -> AliasForm.Target {
        var target = AliasForm.Target()
        if node.mapping != nil {
            self.mapping(node, at: path, AliasForm.target, into: &target)
        } else {
            target.model = self.scalar(node, at: path, .modelID)
        }
        return target
    }

    /// What the keys of the mapping say together.
    private mutating func check(_ form: AliasForm, at path: String) {
        var known: Set<ModelID> = []
        for (index, target) in form.targets.enumerated() {
            let place = "\(path).targets[\(index)]"
            if let model = target.model, !known.insert(model).inserted {
                self.report(place, found: "\(Quoting.quote(model.description)) again", expected: "it once")
            }
            if let weight = target.weight, form.mode != .weighted, !self.hasProblem(where: { $0 == "\(path).mode" }) {
                self.report(
                    "\(place).weight", found: "'\(weight)'",
                    expected: "mode: weighted beside targets, since the mode ordered has no weights"
                )
            }
        }
        if form.mode == .weighted, !form.targets.isEmpty, form.targets.allSatisfy({ $0.weight == 0 }) {
            self.report("\(path).targets", found: "weights of 0 only", expected: "one above 0")
        }
    }
}
