internal import Inference
internal import LocalEngines
internal import ModelRegistry
internal import Providers
internal import Routing

extension DiscoveryPort {
    /// Asks the real providers, and the model folders for `local`.
    ///
    /// - Parameter folders: absolute; `nil` when local models are off.
    static func live(
        directory: ProviderDirectory,
        folders: [String]?,
        files: any ModelFiles,
        catalog: ProviderCatalog
    ) -> Self {
        let local = folders.map { GGUFFolderLister(folders: $0) }
        let lister: @Sendable (ProviderID) -> (any ModelLister)? = { id in
            id == .local ? local : directory[id]?.lister
        }
        return Self(
            lister: lister,
            detect: { model, probes in
                var found = DetectedCapabilities(capabilities: [])
                if let version = model.active {
                    found = DetectedCapabilities(try await files.inspect(version.path))
                } else if let lister = lister(model.id.provider) {
                    found = DetectedCapabilities(try await lister.listModels(), of: model.id)
                }
                if probes, let provider = catalog[model.id.provider] {
                    let findings = try await CapabilityProbe(provider, model: model.id.name).run()
                    found.add(findings)
                }
                return found
            },
            problems: { directory.problems(of: $0) }
        )
    }
}

extension DetectedCapabilities {
    /// What a model file says.
    fileprivate init(_ facts: ModelFileFacts) {
        self.init(
            capabilities: facts.capabilities.sorted().map {
                Finding(capability: $0, isSupported: true, evidence: Self.evidence(of: $0, in: facts))
            },
            contextLength: facts.contextLength,
            architecture: facts.architecture,
            hasChatTemplate: facts.capabilities.contains(.chat)
        )
    }

    private static func evidence(of capability: Capability, in facts: ModelFileFacts) -> String {
        switch capability {
        case .chat: "the file brings a chat template"
        case .tools: "the chat template has a place for tools"
        case .reasoning: "the chat template has a place for thoughts"
        case .jsonSchema: "llama.cpp holds any model to a schema by a grammar"
        case .embeddings: "the architecture '\(facts.architecture)' makes vectors"
        case .prefill: "the engine goes on with a begun answer after the chat template"
        case .completion, .streaming, .vision: "llama.cpp serves '\(facts.architecture)' so"
        }
    }

    /// What a provider's listing says of one model.
    fileprivate init(_ listing: ModelListing, of model: ModelID) {
        guard let listed = listing.models.first(where: { $0.name == model.name }) else {
            self.init(capabilities: [])
            return
        }
        let known = listed.capabilities ?? []
        self.init(
            capabilities: known.sorted().map {
                Finding(capability: $0, isSupported: true, evidence: "the provider's listing says so")
            },
            contextLength: listed.contextLength
        )
    }

    /// What was found by asking counts for more than what was read.
    fileprivate mutating func add(_ findings: [CapabilityProbe.Finding]) {
        for finding in findings {
            guard case .capability(let capability) = finding.subject, let isSupported = finding.isSupported else {
                continue
            }
            self.capabilities.removeAll { $0.capability == capability }
            self.capabilities.append(
                Finding(capability: capability, isSupported: isSupported, evidence: finding.evidence))
        }
    }
}
