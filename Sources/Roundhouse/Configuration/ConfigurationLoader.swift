import ModelRegistry

/// Puts a configuration together: defaults, one YAML file over them, `ROUNDHOUSE_*` variables over that, flags on top.
package struct ConfigurationLoader: Sendable {
    /// `--config`. `nil`: `ROUNDHOUSE_CONFIG`, or `roundhouse.yaml` in the data directory if there is one.
    package var file: String?
    /// `--data-dir`. `nil`: `ROUNDHOUSE_DATA_DIR`, `$XDG_DATA_HOME/roundhouse` or `~/.local/share/roundhouse`.
    package var dataDirectory: String?
    package var environment: [String: String]
    /// Flags that set keys.
    package var overrides: [Override]
    /// What relative paths in flags and variables start from. `nil`: the process's own.
    package var workingDirectory: String?
    /// Whether variables that set keys count; those that `${NAME}` refers to always do.
    var readsVariables = true

    /// A flag that sets a key: `--grpc 127.0.0.1:0` sets `grpc.address`.
    package struct Override: Sendable, Hashable {
        package var key: String
        package var value: String
        /// As it is typed, for messages.
        package var flag: String

        package init(key: String, value: String, flag: String) {
            self.key = key
            self.value = value
            self.flag = flag
        }
    }

    package init(
        file: String? = nil,
        dataDirectory: String? = nil,
        environment: [String: String],
        overrides: [Override] = [],
        workingDirectory: String? = nil
    ) {
        self.file = file
        self.dataDirectory = dataDirectory
        self.environment = environment
        self.overrides = overrides
        self.workingDirectory = workingDirectory
    }

    /// Finds and reads the file, and puts everything together. Reads files, so call it before serving.
    ///
    /// - Throws: ``ConfigurationError`` with every problem that there is.
    package func load() throws(ConfigurationError) -> LoadedConfiguration {
        let place = try self.place()
        do {
            let text = try Paths.read(place.path, limit: Self.longest)
            return try self.load(yaml: text, in: place)
        } catch let failure as Paths.ReadFailure {
            guard failure.isMissing, !place.isNamed else {
                let problem = "cannot be read (\(failure.reason)), expected a configuration file"
                throw Self.error(.file(path: place.shown, line: 0, column: 0), problem)
            }
            return try self.load(yaml: nil, in: place)
        } catch let error as ConfigurationError {
            throw error
        } catch {
            throw Self.error(.file(path: place.shown, line: 0, column: 0), "cannot be read (\(error))")
        }
    }

    /// The most bytes of a configuration file.
    static let longest = 4 << 20

    /// Where the file is, or would be.
    struct Place: Sendable {
        /// Absolute.
        var path: String
        /// As messages call it.
        var shown: String
        /// Whether somebody said where it is, so that it must be there.
        var isNamed: Bool
        var dataDirectory: String
    }

    func place() throws(ConfigurationError) -> Place {
        let dataDirectory = try self.resolvedDataDirectory()
        let named = self.file ?? self.environment["ROUNDHOUSE_CONFIG"].flatMap { $0.isEmpty ? nil : $0 }
        let shown = named ?? Paths.join(dataDirectory, "roundhouse.yaml")
        return Place(
            path: Paths.absolute(shown, from: self.directory, home: self.environment["HOME"]), shown: shown,
            isNamed: named != nil, dataDirectory: dataDirectory)
    }

    /// Puts everything together with this text in the place of the file.
    ///
    /// - Parameter yaml: `nil`: there is no file.
    func load(yaml: String?, in place: Place) throws(ConfigurationError) -> LoadedConfiguration {
        var loaded = try self.load(
            yaml: yaml ?? "", named: place.shown, path: place.path, dataDirectory: place.dataDirectory)
        loaded.file = yaml == nil ? nil : place.path
        return loaded
    }

    /// The same for a text that need not be in a file.
    ///
    /// - Parameter named: What messages call it; relative paths in it start from the directory of this name.
    package func load(yaml: String, named: String) throws(ConfigurationError) -> LoadedConfiguration {
        let path = Paths.absolute(named, from: self.directory, home: nil)
        return try self.load(yaml: yaml, named: named, path: path, dataDirectory: try self.resolvedDataDirectory())
    }

    private var directory: String { self.workingDirectory ?? Paths.workingDirectory() }

    private func load(
        yaml: String,
        named: String,
        path: String,
        dataDirectory: String
    ) throws(ConfigurationError) -> LoadedConfiguration {
        let document = try YAMLDocument.parse(yaml, file: named)
        let context = ScalarContext(directory: Paths.directory(of: path), environment: self.environment)
        var decoder = ConfigurationDecoder(file: named, context: context)
        decoder.duplicates = document.duplicates
        var configuration = RoundhouseConfiguration()
        if let root = document.root, !root.isNothing {
            decoder.mapping(root, at: "", SettingTables.root, into: &configuration)
        }
        decoder.context.directory = self.directory
        if self.readsVariables {
            decoder.apply(environment: self.environment, mentionedIn: yaml, to: &configuration)
        }
        for override in self.overrides {
            decoder.apply(override.value, at: override.key, from: .flag(override.flag), to: &configuration)
        }
        decoder.resolve(&configuration, dataDirectory: dataDirectory)
        guard decoder.problems.isEmpty else { throw ConfigurationError(problems: decoder.problems) }
        return LoadedConfiguration(
            configuration: configuration,
            dataDirectory: dataDirectory,
            warnings: decoder.warnings,
            origins: decoder.origins,
            overridden: decoder.overridden
        )
    }

    private func resolvedDataDirectory() throws(ConfigurationError) -> String {
        func given(_ name: String) -> String? { self.environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        let home = given("HOME")
        if let named = self.dataDirectory ?? given("ROUNDHOUSE_DATA_DIR") {
            return Paths.absolute(named, from: self.directory, home: home)
        }
        // The XDG specification wants a relative path ignored.
        if let data = given("XDG_DATA_HOME"), data.hasPrefix("/") { return Paths.join(data, "roundhouse") }
        if let home { return Paths.join(home, ".local/share/roundhouse") }
        throw Self.error(
            .environment("HOME"),
            "not set, expected it, XDG_DATA_HOME, ROUNDHOUSE_DATA_DIR or --data-dir to say where data is kept"
        )
    }

    private static func error(_ location: ConfigurationLocation, _ detail: String) -> ConfigurationError {
        ConfigurationError(problems: [ConfigurationProblem(location: location, key: nil, detail: detail)])
    }
}

/// A configuration that is sound, and how it came about.
package struct LoadedConfiguration: Sendable {
    package var configuration: RoundhouseConfiguration
    /// The file that was read, absolute; `nil` when there was none.
    package var file: String?
    /// Absolute. Not made yet.
    package var dataDirectory: String
    /// What works but is probably not what was meant, such as an unknown `ROUNDHOUSE_` variable.
    package var warnings: [ConfigurationProblem]
    /// Where each key that somebody set got its value.
    var origins: [String: ConfigurationLocation]
    /// Keys that the file sets in vain: a variable or a flag sets them again.
    var overridden: Set<String> = []

    /// The configuration in force as YAML: every key, secrets as `[redacted]`, and a comment at each value that a
    /// variable or a flag set.
    package func render() -> String {
        var configuration = self.configuration
        for index in configuration.providers.indices where configuration.providers[index].apiKeyFile != nil {
            // The file says where the key is; both at once would be no valid configuration.
            configuration.providers[index].apiKey = nil
        }
        let lines = SettingTables.root.rendered(configuration).lines { path in
            switch self.origins[path] {
            case .environment(let name): "from \(name)"
            case .flag(let name): "from \(name)"
            case .file, .defaults, nil: nil
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }
}

extension ConfigurationDecoder {
    /// Names that begin with `ROUNDHOUSE_` and set no key.
    private static let reserved: Set<String> = [
        "ROUNDHOUSE_ADDRESS", "ROUNDHOUSE_CONFIG", "ROUNDHOUSE_DATA_DIR", "ROUNDHOUSE_ENGINES_DIR",
        "ROUNDHOUSE_MODELS_DIR",
    ]
    /// Tests and benchmarks use the first two; Kubernetes sets the others in every container beside a service that is
    /// called `roundhouse`.
    private static let reservedPrefixes = [
        "ROUNDHOUSE_TEST_", "ROUNDHOUSE_BENCH_", "ROUNDHOUSE_SERVICE_", "ROUNDHOUSE_PORT",
    ]

    /// The variable that sets a key.
    static func variable(for key: String) -> String {
        "ROUNDHOUSE_" + key.uppercased().split(separator: ".").joined(separator: "_")
    }

    /// - Parameter mentionedIn: The file's text: a variable that it refers to by `${…}` is known.
    fileprivate mutating func apply(
        environment: [String: String],
        mentionedIn yaml: String,
        to configuration: inout RoundhouseConfiguration
    ) {
        self.applyLazyLoad(environment["AI_MODELS_LAZY_LOAD"], to: &configuration)
        self.applyOpenRouter(environment, to: &configuration)
        let names = environment.keys.filter { $0.hasPrefix("ROUNDHOUSE_") }.sorted()
        guard !names.isEmpty else { return }
        let keys = SettingTables.root.filter { $0.decodeText != nil }.map(\.key)
        for name in names {
            if let key = keys.first(where: { Self.variable(for: $0) == name }) {
                self.apply(environment[name] ?? "", at: key, from: .environment(name), to: &configuration)
            } else if !Self.reserved.contains(name), !Self.reservedPrefixes.contains(where: { name.hasPrefix($0) }),
                !yaml.contains("${\(name)")
            {
                let near = Quoting.nearest(to: name, among: keys.map(Self.variable(for:)))
                self.note(name, .environment(name))
                self.warn(name, "unknown variable, ignored" + (near.map { "; did you mean \($0)?" } ?? ""))
            }
        }
    }

    /// `AI_MODELS_LAZY_LOAD`, which other programs that serve models know as well, and therefore its spellings.
    private mutating func applyLazyLoad(_ text: String?, to configuration: inout RoundhouseConfiguration) {
        let key = "lifecycle.lazy_large_models"
        switch text?.lowercased() {
        case "true", "1", "yes", "on":
            self.note(key, .environment("AI_MODELS_LAZY_LOAD"))
            configuration.lifecycle.lazyLargeModels = true
        case nil, "false", "0", "no", "off": break
        case _:
            let file = self.origins[key]
            self.note(key, .environment("AI_MODELS_LAZY_LOAD"))
            self.report(key, found: Quoting.quote(text ?? ""), expected: "true, 1, yes, on, false, 0, no or off")
            if let file { self.note(key, file) }
        }
    }

    /// The variables that other gateways know as well.
    private mutating func applyOpenRouter(
        _ environment: [String: String], to configuration: inout RoundhouseConfiguration
    ) {
        do {
            let filter = try OpenRouterFilter(
                environment: environment, over: OpenRouterFilter(configuration.openRouter))
            configuration.openRouter.showFreeOnly = filter.showFreeOnly
            configuration.openRouter.preferFreeModels = filter.preferFreeModels
            configuration.openRouter.maxPrice = filter.maxPricePerMillionTokens
        } catch {
            for problem in error.problems {
                self.note(problem.variable, .environment(problem.variable))
                self.report(problem.variable, found: Quoting.quote(problem.value), expected: problem.expected)
            }
        }
    }

    fileprivate mutating func apply(
        _ text: String,
        at key: String,
        from origin: ConfigurationLocation,
        to configuration: inout RoundhouseConfiguration
    ) {
        self.note(key, origin)
        guard let setting = SettingTables.root.first(where: { $0.key == key }), let decode = setting.decodeText else {
            self.report(key, "'\(key)' is no key that a flag can set")
            return
        }
        decode(text, key, &configuration, &self)
    }
}
