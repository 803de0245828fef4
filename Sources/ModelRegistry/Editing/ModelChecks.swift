import Inference

extension ModelDescription {
    static let largestTagCount = 64

    /// Puts what has one right way of being written into it: tags sorted and once each, the size of the active file.
    mutating func normalize() {
        self.tags = Set(self.tags).sorted()
        if self.displayName.isEmpty { self.displayName = self.id.name }
        if self.activeVersion == nil { self.activeVersion = self.versions.last?.version }
        if let active = self.active, active.sizeBytes > 0 { self.sizeBytes = active.sizeBytes }
    }

    /// - Parameter previous: What is registered now. Its files are not questioned again: a model of the configuration
    ///   whose file is missing can still be disabled.
    /// - Throws: ``RegistryEditError/invalid(_:)`` with every field that is not what it should be.
    func check(replacing previous: ModelDescription? = nil) throws(RegistryEditError) {
        var checks = FieldChecks("model")
        checks.expect(text: self.displayName, bytes: 1...255, "display_name")
        checks.expect(self.contextLength, in: 1...1_000_000_000, "context_length")
        checks.expect(self.maxOutputTokens, in: 1...1_000_000_000, "max_output_tokens")
        checks.expect(self.qualityScore, in: 0...1, "quality_score")
        checks.expect(self.safetyScore, in: 0...1, "safety_score")
        checks.expect(self.priority, in: 0...1000, "priority")
        checks.expect(self.sizeBytes, in: 0...Int64.max, "size_bytes")
        if let engine { checks.expect(text: engine, bytes: 1...63, "engine") }
        self.checkPrices(&checks)
        self.checkTags(&checks)
        self.checkEngineSettings(&checks)
        if let idleTTL, idleTTL < .zero || idleTTL > .seconds(366 * 86_400) {
            checks.fail("idle_ttl", found: "\(idleTTL)", expected: "0 (never) to 366 days")
        }
        if previous == nil || previous?.versions != self.versions || previous?.activeVersion != self.activeVersion {
            self.checkVersions(&checks)
        }
        try checks.finish()
    }

    private func checkPrices(_ checks: inout FieldChecks) {
        guard let prices else { return }
        let range = 0...Int64.max
        checks.expect(prices.input, in: range, "prices.input_nano_usd_per_million_tokens")
        checks.expect(prices.output, in: range, "prices.output_nano_usd_per_million_tokens")
        checks.expect(prices.cachedInput, in: range, "prices.cached_input_nano_usd_per_million_tokens")
    }

    private func checkTags(_ checks: inout FieldChecks) {
        if self.tags.count > Self.largestTagCount {
            checks.fail("tags", found: "\(self.tags.count) tags", expected: "at most \(Self.largestTagCount)")
        }
        for (index, tag) in self.tags.prefix(Self.largestTagCount).enumerated() {
            checks.expect(text: tag, bytes: 1...63, "tags[\(index)]")
        }
    }

    private func checkEngineSettings(_ checks: inout FieldChecks) {
        let settings = self.engineSettings
        checks.expect(settings.contextLength, in: 256...1_048_576, "engine_settings.context_length")
        checks.expect(settings.threads, in: 1...1024, "engine_settings.threads")
        checks.expect(settings.parallel, in: 1...64, "engine_settings.parallel")
        checks.expect(settings.gpuLayers, in: 0...1000, "engine_settings.gpu_layers")
    }

    private func checkVersions(_ checks: inout FieldChecks) {
        if self.id.provider == .local {
            if self.versions.isEmpty {
                checks.fail("versions", found: "none", expected: "one with the path of a GGUF file")
            }
        } else if !self.versions.isEmpty {
            checks.fail(
                "versions",
                found: "\(self.versions.count) versions",
                expected: "none: only models of the provider 'local' are files of ours"
            )
        }
        var names: Set<String> = []
        for (index, version) in self.versions.enumerated() {
            version.check(&checks, at: "versions[\(index)]")
            if !names.insert(version.version).inserted {
                checks.fail("versions[\(index)].version", found: "'\(version.version)' again", expected: "each once")
            }
        }
        if let activeVersion, !names.contains(activeVersion) {
            let expected = names.isEmpty ? "nothing" : "one of \(names.sorted().joined(separator: ", "))"
            checks.fail("active_version", found: FieldChecks.quoted(activeVersion), expected: expected)
        }
    }
}

extension ModelVersion {
    func check(_ checks: inout FieldChecks, at field: String) {
        if !PlainName.isValid(self.version, longest: 63, capitals: true) {
            checks.fail(
                "\(field).version",
                found: FieldChecks.quoted(self.version),
                expected: "1-63 letters, digits, '-', '_' and '.', beginning with a letter or a digit"
            )
        }
        checks.expect(absolutePath: self.path, "\(field).path")
        checks.expect(self.sizeBytes, in: 0...Int64.max, "\(field).size_bytes")
        if let sha256, !(sha256.utf8.count == 64 && sha256.utf8.allSatisfy(Self.isHexDigit)) {
            checks.fail(
                "\(field).sha256",
                found: FieldChecks.quoted(sha256),
                expected: "64 hexadecimal digits in small letters"
            )
        }
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool { byte.isDigit || (0x61...0x66).contains(byte) }
}
