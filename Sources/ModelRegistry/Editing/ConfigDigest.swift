import Inference

/// What the configuration file said of an entry, short enough to keep: a later start compares it with what the file says
/// then.
struct ConfigDigest: Hashable {
    /// Of everything but ``flags``.
    var content: String
    /// Switches that people turn at run time, kept apart so that another line of the entry does not turn them back.
    var flags: Flags

    struct Flags: Hashable {
        var isEnabled = true
        var isLazy = false
        var isPinned = false
    }

    /// As it is stored.
    var text: String {
        let letters =
            (self.flags.isEnabled ? "e" : "-") + (self.flags.isLazy ? "l" : "-") + (self.flags.isPinned ? "p" : "-")
        return "\(self.content):\(letters)"
    }

    /// - Returns: `nil` for what no release wrote.
    init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.count == 16, parts[1].utf8.count == 3 else { return nil }
        self.content = String(parts[0])
        self.flags = Flags(
            isEnabled: parts[1].contains("e"),
            isLazy: parts[1].contains("l"),
            isPinned: parts[1].contains("p")
        )
    }

    init(_ provider: ProviderDescription) {
        var text = Fields()
        text.add("kind", provider.kind)
        text.add("base_url", provider.baseURL)
        text.add("has_credentials", provider.hasCredentials)
        switch provider.credentials {
        case .environment(let name): text.add("api_key_environment", name)
        case .file(let path): text.add("api_key_file", path)
        case nil: break
        }
        text.add("allow_insecure", provider.allowsInsecure)
        text.add("accepts_any_model", provider.acceptsAnyModel)
        text.add("priority", provider.priority)
        self.content = text.digest
        self.flags = Flags(isEnabled: provider.isEnabled)
    }

    init(_ model: ModelDescription) {
        var text = Fields()
        text.add("display_name", model.displayName)
        text.add("category", model.category.rawValue)
        for capability in model.capabilities.sorted() { text.add("capability", capability.rawValue) }
        text.add("context_length", model.contextLength)
        text.add("max_output_tokens", model.maxOutputTokens)
        text.add("price_input", model.prices?.input)
        text.add("price_output", model.prices?.output)
        text.add("price_cached_input", model.prices?.cachedInput)
        text.add("quality_score", model.qualityScore)
        text.add("safety_score", model.safetyScore)
        text.add("priority", model.priority)
        text.add("size_bytes", model.sizeBytes)
        text.add("engine", model.engine)
        for version in model.versions {
            text.add("version", version.version)
            text.add("path", version.path)
            text.add("sha256", version.sha256)
        }
        text.add("active_version", model.activeVersion)
        text.add("engine_settings.context_length", model.engineSettings.contextLength)
        text.add("engine_settings.threads", model.engineSettings.threads)
        text.add("engine_settings.parallel", model.engineSettings.parallel)
        text.add("engine_settings.gpu_layers", model.engineSettings.gpuLayers)
        text.add("idle_ttl.seconds", model.idleTTL?.components.seconds)
        text.add("idle_ttl.attoseconds", model.idleTTL?.components.attoseconds)
        for tag in model.tags.sorted() { text.add("tag", tag) }
        self.content = text.digest
        self.flags = Flags(isEnabled: model.isEnabled, isLazy: model.isLazy, isPinned: model.isPinned)
    }

    init(_ alias: Alias) {
        var text = Fields()
        text.add("mode", alias.mode.rawValue)
        for target in alias.weightedTargets {
            text.add("target", target.model.description)
            text.add("weight", target.weight)
        }
        self.content = text.digest
        self.flags = Flags()
    }
}

/// Names and values in a fixed order; those without a value are left out, so that a new field changes no old digest.
private struct Fields {
    private var fingerprint = Fingerprint()

    mutating func add<Value: CustomStringConvertible>(_ name: String, _ value: Value?) {
        guard let value else { return }
        self.fingerprint.add(name)
        self.fingerprint.add(value.description)
    }

    var digest: String { self.fingerprint.text }
}
