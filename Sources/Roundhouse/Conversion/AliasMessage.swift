internal import Inference
internal import ModelRegistry
internal import RoundhouseAPI
internal import SwiftProtobuf

extension Roundhouse_V1_Alias {
    init(_ alias: ModelRegistry.Alias, withHistory: Bool) {
        self.init()
        self.name = alias.name
        self.targets = alias.weightedTargets.map(Roundhouse_V1_AliasTarget.init)
        self.mode = .init(alias.mode)
        self.activeModel = alias.activeModel?.description ?? ""
        self.source = .init(alias.provenance.source)
        if alias.provenance.revision > 0 {
            self.createTime = .init(microseconds: alias.provenance.createdAtMicroseconds)
            self.updateTime = .init(microseconds: alias.provenance.updatedAtMicroseconds)
            self.etag = alias.provenance.etag
        }
        if withHistory { self.history = alias.history.map(Roundhouse_V1_AliasRevision.init) }
    }
}

extension Roundhouse_V1_AliasTarget {
    init(_ target: ModelRegistry.Alias.Target) {
        self.init()
        self.model = target.model.description
        self.weight = Int32(clamping: target.weight)
    }
}

extension Roundhouse_V1_AliasMode {
    init(_ mode: ModelRegistry.Alias.Mode) {
        switch mode {
        case .ordered: self = .ordered
        case .weighted: self = .weighted
        }
    }
}

extension Roundhouse_V1_AliasRevision {
    init(_ revision: ModelRegistry.Alias.Revision) {
        self.init()
        self.targets = revision.targets.map(Roundhouse_V1_AliasTarget.init)
        self.mode = .init(revision.mode)
        self.etag = revision.etag
        self.replaceTime = .init(microseconds: revision.replacedAtMicroseconds)
        self.reason = revision.reason
    }
}

/// What an alias is to lead to, as `UpdateAlias` says it.
struct AliasChange: Sendable, Hashable {
    var name: String
    var targets: [ModelRegistry.Alias.Target]
    var mode: ModelRegistry.Alias.Mode

    /// - Throws: ``ServiceError`` that names every field at fault.
    init(_ message: Roundhouse_V1_Alias) throws(ServiceError) {
        var reader = FieldReader("alias.")
        self.name = reader.aliasName(message.name, "name")
        self.mode = reader.aliasMode(message.mode)
        self.targets = reader.aliasTargets(message.targets, mode: self.mode)
        try reader.finish()
    }
}

extension FieldReader {
    fileprivate mutating func aliasMode(_ mode: Roundhouse_V1_AliasMode) -> ModelRegistry.Alias.Mode {
        switch mode {
        case .unspecified, .ordered: return .ordered
        case .weighted: return .weighted
        case .UNRECOGNIZED(let number):
            self.report("mode", found: "\(number)", expected: "ALIAS_MODE_ORDERED or ALIAS_MODE_WEIGHTED")
            return .ordered
        }
    }

    fileprivate mutating func aliasTargets(
        _ messages: [Roundhouse_V1_AliasTarget],
        mode: ModelRegistry.Alias.Mode
    ) -> [ModelRegistry.Alias.Target] {
        if messages.isEmpty { self.report("targets", found: "", expected: "at least one target") }
        if messages.count > 64 { self.report("targets", found: "\(messages.count) targets", expected: "at most 64") }
        var targets: [ModelRegistry.Alias.Target] = []
        for (index, message) in messages.enumerated() {
            let field = "targets[\(index)]"
            let weight = self.integer(message.weight, in: 0...1000, "\(field).weight")
            guard let model = self.modelID(message.model, "\(field).model") else { continue }
            if targets.contains(where: { $0.model == model }) {
                self.report("\(field).model", found: message.model, expected: "each model once")
            }
            // Without shares a weight says nothing, and 0 would keep the target away once there are some.
            targets.append(.init(model: model, weight: mode == .ordered && weight == 0 ? 1 : weight))
        }
        if mode == .weighted, !messages.isEmpty, messages.allSatisfy({ $0.weight == 0 }) {
            self.report("targets", found: "weights of 0 only", expected: "a weight above 0 for one of them")
        }
        return targets
    }
}
