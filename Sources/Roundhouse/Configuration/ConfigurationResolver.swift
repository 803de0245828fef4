public import Inference

// What no single key can tell: defaults that depend on other keys, files behind paths, names that must be unique or
// must exist. Nothing here reports what follows from a problem that was reported already.
extension ConfigurationDecoder {
    mutating func resolve(_ configuration: inout RoundhouseConfiguration, dataDirectory: String) {
        if configuration.storage.path == nil {
            configuration.storage.path = Paths.join(dataDirectory, "roundhouse.db")
        }
        if configuration.local.modelFolders.isEmpty, self.isSound("local.model_folders") {
            configuration.local.modelFolders = [Paths.join(dataDirectory, "models")]
        }
        self.resolveGRPC(configuration.grpc)
        self.resolveHTTP(configuration.http)
        self.resolveLocal(configuration.local)
        for index in configuration.providers.indices {
            self.resolve(&configuration.providers[index], at: "providers[\(index)]")
        }
        self.requireUnique(configuration.providers.map(\.id.rawValue), keys: { "providers[\($0)].id" })
        self.resolveAliases(&configuration)
        self.resolveRouting(configuration)
    }

    private func isSound(_ path: String) -> Bool {
        !self.hasProblem { $0 == path }
    }

    private mutating func requireReadable(_ path: String?, at key: String, expected: String) {
        guard let path, !path.isEmpty, let reason = Paths.reasonUnreadable(path) else { return }
        self.report(key, found: "\(Quoting.quote(path)) (\(reason))", expected: expected)
    }

    private mutating func requireUnique(_ names: [String], keys: (Int) -> String) {
        var first: [String: Int] = [:]
        for (index, name) in names.enumerated() where self.isSound(keys(index)) {
            if let other = first[name] {
                let found = "\(Quoting.quote(name)), which \(keys(other)) has too"
                self.report(keys(index), found: found, expected: "a name of its own")
            } else {
                first[name] = index
            }
        }
    }

    // MARK: - Sections

    private mutating func resolveGRPC(_ grpc: RoundhouseConfiguration.GRPC) {
        if let tls = grpc.tls {
            for (key, path) in [("certificate", tls.certificate), ("private_key", tls.privateKey)] {
                let key = "grpc.tls.\(key)"
                if path.isEmpty, self.isSound(key) {
                    self.report(key, "missing, expected a path (certificate and private_key belong together)")
                }
            }
            self.requireReadable(tls.certificate, at: "grpc.tls.certificate", expected: "a PEM file that can be read")
            self.requireReadable(tls.privateKey, at: "grpc.tls.private_key", expected: "a PEM file that can be read")
            self.requireReadable(tls.clientCA, at: "grpc.tls.client_ca", expected: "a PEM file that can be read")
            if grpc.insecure {
                self.warn("grpc.insecure", "true has no effect, since grpc.tls is set and nothing is served without it")
            }
        } else if !grpc.insecure, !grpc.address.isLoopback, !self.hasProblem(where: { $0.hasPrefix("grpc.tls") }) {
            self.report(
                "grpc.address",
                found: "\(Quoting.quote(grpc.address.description)), which other machines can reach",
                expected: "a loopback address, or grpc.tls, or grpc.insecure: true to serve without encryption"
            )
        }
    }

    private mutating func resolveHTTP(_ http: RoundhouseConfiguration.HTTP) {
        guard let address = http.address, !address.isLoopback, !http.insecure else { return }
        self.report(
            "http.address",
            found: "\(Quoting.quote(address.description)), which other machines can reach",
            expected: "a loopback address, or http.insecure: true to serve without encryption"
        )
    }

    private mutating func resolveLocal(_ local: RoundhouseConfiguration.Local) {
        guard local.enabled else { return }
        for (index, model) in local.models.enumerated() {
            let key = "local.models[\(index)]"
            if !model.path.isEmpty, let reason = Paths.reasonUnreadable(model.path) {
                // No problem: the engine notices a file that comes later, as from a disk that is not mounted yet.
                self.warn("\(key).path", "found \(Quoting.quote(model.path)) (\(reason)); the model waits for its file")
            }
            if self.isSound("\(key).name"), local.servedBundledModels.contains(where: { $0.name == model.name }) {
                let expected = "a name of its own, or local.bundled_models: false"
                self.report("\(key).name", found: "\(Quoting.quote(model.name)), a bundled model", expected: expected)
            }
            if model.lazy == true, model.preload == true {
                let expected = "one of the two: a lazy model is loaded by its first request"
                self.report("\(key).preload", found: "'true' beside lazy: true", expected: expected)
            }
            self.limitTags(model.tags, at: "\(key).tags")
        }
        for (index, folder) in local.modelFolders.enumerated() where self.isGiven("local.model_folders[\(index)]") {
            self.checkFolder(folder, at: "local.model_folders[\(index)]")
        }
        self.requireUnique(local.models.map(\.name), keys: { "local.models[\($0)].name" })
    }

    /// A folder may be made later; a file of its name is in the way.
    private mutating func checkFolder(_ folder: String, at key: String) {
        guard let reason = Paths.reasonNoDirectory(folder) else { return }
        if reason.isMissing {
            self.warn(
                key, "found \(Quoting.quote(folder)) (\(reason.reason)); no models are found in it until it is made")
        } else {
            self.report(key, found: "\(Quoting.quote(folder)) (\(reason.reason))", expected: "a directory")
        }
    }

    private mutating func limitTags(_ tags: [String], at key: String) {
        guard tags.count > 64 else { return }
        self.report(key, found: "\(tags.count) tags", expected: "64 at most")
    }

    private mutating func resolve(_ provider: inout RoundhouseConfiguration.Provider, at path: String) {
        if provider.baseURL.isEmpty, self.isSound("\(path).base_url"), self.isSound("\(path).kind") {
            provider.baseURL = provider.kind.defaultBaseURL ?? ""
            if provider.baseURL.isEmpty {
                let expected = "\(EndpointURL.expectation) (kind \(provider.kind.rawValue) has no default)"
                self.report("\(path).base_url", "missing, expected \(expected)")
            }
        }
        if case .success(let url) = EndpointURL.parse(provider.baseURL), !url.isEncrypted, !url.isLoopback,
            !provider.allowInsecure
        {
            self.report(
                "\(path).base_url",
                found: Quoting.quote(provider.baseURL),
                expected: "https, or allow_insecure: true to send prompts and keys in the clear"
            )
        }
        self.requireReadable(provider.caFile, at: "\(path).ca_file", expected: "a PEM file that can be read")
        self.resolveKey(of: &provider, at: path)
        if provider.apiVersion != nil, provider.kind != .azureOpenAI, self.isSound("\(path).kind") {
            self.report(
                "\(path).api_version", found: "it with kind \(provider.kind.rawValue)",
                expected: "it with kind azure_openai only")
        }
        if provider.managed != nil, !provider.kind.loadsModels, self.isSound("\(path).kind") {
            let kinds = RoundhouseConfiguration.Provider.Kind.allCases.filter(\.loadsModels).map(\.rawValue)
            self.report(
                "\(path).managed", found: "it with kind \(provider.kind.rawValue)",
                expected: "it with kind \(Quoting.alternatives(kinds)) only"
            )
        }
        for (index, model) in provider.models.enumerated() {
            self.check(model, at: "\(path).models[\(index)]")
        }
        self.requireUnique(provider.models.map(\.name), keys: { "\(path).models[\($0)].name" })
    }

    private mutating func check(_ model: RoundhouseConfiguration.Model, at path: String) {
        self.limitTags(model.tags, at: "\(path).tags")
        let keys = ["price_input", "price_output"].map { "\(path).\($0)" }
        guard [model.priceInput, model.priceOutput, model.priceCachedInput].contains(where: { $0 != nil }) else {
            return
        }
        for (key, price) in zip(keys, [model.priceInput, model.priceOutput]) where price == nil && self.isSound(key) {
            self.report(
                key,
                "missing, expected \(ScalarCodec.price.expectation) (price_input and price_output belong together; 0 is "
                    + "free)"
            )
        }
    }

    private mutating func resolveKey(of provider: inout RoundhouseConfiguration.Provider, at path: String) {
        let hasHeader = provider.headers.contains { $0.name.lowercased() == "authorization" }
        if let file = provider.apiKeyFile {
            if self.isGiven("\(path).api_key") {
                self.report("\(path).api_key_file", found: "api_key as well", expected: "one of the two")
            } else {
                provider.apiKey = self.readKey(file, at: "\(path).api_key_file")
            }
        }
        let given = ["api_key", "api_key_file", "api_keys", "api_key_command"].filter { key in
            // An empty list is none.
            self.isGiven("\(path).\(key)") && (key != "api_keys" || !provider.apiKeys.isEmpty)
        }
        if given.count > 1, given != ["api_key", "api_key_file"] {
            self.report("\(path).\(given[1])", found: "\(given[0]) as well", expected: "one of the two")
        }
        let isGiven = !given.isEmpty
        if hasHeader, isGiven {
            let header = provider.headers.first { $0.name.lowercased() == "authorization" }?.name ?? ""
            self.report("\(path).headers.\(header)", found: "a key as well", expected: "one of the two")
        }
        if provider.kind.needsKey, !isGiven, self.isSound("\(path).kind") {
            let reason = "kind \(provider.kind.rawValue) needs one; an endpoint without keys is kind custom"
            self.report(
                "\(path).api_key", "missing, expected a key, api_key_file, api_keys or api_key_command (\(reason))")
        }
    }

    private func isGiven(_ path: String) -> Bool {
        self.origins[path] != nil
    }

    /// The file's text without the white space around it.
    private mutating func readKey(_ file: String, at path: String) -> SecretString? {
        do {
            let text = try Paths.read(file, limit: 64 << 10)
            let trimmed = text.drop(while: \.isWhitespace)
            let end = trimmed.lastIndex { !$0.isWhitespace }.map { trimmed.index(after: $0) } ?? trimmed.startIndex
            let characters = "a key of printable ASCII characters without spaces"
            switch ScalarCodec.check(String(trimmed[..<end]), characters: characters, allowingSpaces: false) {
            case .success(let key): return key
            case .failure(let mismatch):
                let found = mismatch.found.map { "\(Quoting.quote(file)) with \($0)" }
                self.report(path, found: found ?? Quoting.quote(file), expected: characters)
                return nil
            }
        } catch {
            // Without the path when nothing is there: it may be a key that was put under the wrong name.
            let found = error.isMissing ? "a path" : Quoting.quote(file)
            self.report(path, found: "\(found) (\(error.reason))", expected: "a file that can be read")
            return nil
        }
    }

    // MARK: - Aliases

    private mutating func resolveAliases(_ configuration: inout RoundhouseConfiguration) {
        let models = configuration.modelsByPriority
        let open = Set(configuration.providers.filter(\.models.isEmpty).map(\.id))
        let namesAreSound = !self.hasProblem {
            $0 == "providers" || $0 == "local.models" || $0.hasSuffix(".id") || $0.hasSuffix(".name")
                || $0.hasSuffix("].models")
        }
        if namesAreSound {
            for alias in configuration.aliases where self.isReadWhole(alias) {
                for (index, target) in alias.targets.enumerated()
                where !models.contains(target) && !open.contains(target.provider) {
                    let path = "aliases.\(alias.name)"
                    let places = ["\(path).targets[\(index)].model", "\(path).targets[\(index)]", "\(path)[\(index)]"]
                    let full = places.first(where: self.isGiven) ?? path
                    self.report(
                        full, found: Quoting.quote(target.description), expected: Self.hint(target, among: models))
                }
            }
        }
        if !configuration.aliases.contains(where: { $0.name == "default" }) {
            let bundled = configuration.local.servedBundledModels.compactMap(\.id)
            let targets = bundled.isEmpty ? configuration.ranked(enabledOnly: true) : bundled
            guard !targets.isEmpty else { return }
            configuration.aliases.insert(.init(name: "default", targets: targets), at: 0)
        }
    }

    /// Whether all targets are there: without one of them, the others' places are not known any more.
    private func isReadWhole(_ alias: RoundhouseConfiguration.Alias) -> Bool {
        let path = "aliases.\(alias.name)"
        return !self.hasProblem { $0.hasPrefix("\(path).targets[") || $0.hasPrefix("\(path)[") }
    }

    private static func hint(_ target: ModelID, among models: [ModelID]) -> String {
        let names = models.map(\.description).sorted()
        if let near = Quoting.nearest(to: target.description, among: names) {
            return "a configured model; did you mean '\(near)'?"
        }
        let some = names.prefix(8).joined(separator: ", ")
        return names.isEmpty
            ? "a configured model; there is none" : "a configured model: \(some)\(names.count > 8 ? ", …" : "")"
    }
}

extension RoundhouseConfiguration {
    /// Every model that is configured, in the order in which `auto` asks; equals in the order of the file.
    public var modelsByPriority: [ModelID] { self.ranked(enabledOnly: false) }

    func ranked(enabledOnly: Bool) -> [ModelID] {
        var ranked: [(priority: Int, id: ModelID?)] = self.local.servedBundledModels.map { ($0.priority, $0.id) }
        if self.local.enabled {
            ranked += self.local.models.filter { $0.enabled || !enabledOnly }.map {
                ($0.priority, ModelID(provider: .local, name: $0.name))
            }
        }
        for provider in self.providers {
            ranked += provider.models.filter { $0.enabled || !enabledOnly }.map {
                ($0.priority ?? provider.priority, ModelID(provider: provider.id, name: $0.name))
            }
        }
        return ranked.enumerated()
            .sorted { ($0.element.priority, $0.offset) < ($1.element.priority, $1.offset) }
            .compactMap(\.element.id)
    }
}
