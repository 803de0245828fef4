import ModelRegistry
import Synchronization

/// The configuration of a running server: what holds, what its file says, and how the one follows the other.
///
/// One change at a time. A change is built whole, checked as at a start, written, and then taken; where it cannot be, the
/// old one goes on to hold. It reads and writes files: not for threads that must not wait.
final class LiveConfiguration: Sendable {
    private struct State {
        /// What the server was started with.
        var started: LoadedConfiguration
        /// What holds: of keys that need a restart what was said at the start, of others what was said last.
        var current: LoadedConfiguration
        var applier: (any ConfigurationApplying)?
    }

    private let state: Mutex<State>
    private let loader: ConfigurationLoader?
    private let turns = SerialTurns()

    /// - Parameter loader: as it made `loaded`; `nil` for a server that was started from no file, and has none to change.
    init(_ loaded: LoadedConfiguration, loader: ConfigurationLoader?) {
        self.loader = loader
        self.state = Mutex(State(started: loaded, current: loaded))
    }

    /// A configuration that was written down in code.
    convenience init(_ configuration: RoundhouseConfiguration = RoundhouseConfiguration(), dataDirectory: String = "") {
        let loaded = LoadedConfiguration(
            configuration: configuration, file: nil, dataDirectory: dataDirectory, warnings: [], origins: [:])
        self.init(loaded, loader: nil)
    }

    /// Sets what takes changes into the server. Without one, everything waits for a restart.
    func begin(_ applier: any ConfigurationApplying) {
        self.state.withLock { $0.applier = applier }
    }

    // MARK: - Reading

    /// What holds, and the file.
    func view() async throws(ConfigurationRefusal) -> ConfigurationView {
        try await self.turns.take { () async throws(ConfigurationRefusal) in
            var view = ConfigurationView(rows: self.rows)
            guard let loader = self.loader else { return view }
            let (place, text) = try Self.read(loader)
            view.path = place.path
            view.exists = text != nil
            view.etag = ConfigurationFile.etag(of: text)
            guard let text else { return view }
            do throws(ConfigurationError) {
                view.yaml = try SecretMask(text, file: place.shown).masked()
            } catch {
                view.yaml = "# The file is no YAML, so that nobody can tell what in it is secret: it is not shown.\n"
            }
            // A file that is wrong is one that somebody is at work in; what is wrong with it, ValidateConfig tells.
            let loaded = try? loader.load(yaml: text, in: place)
            view.pending = loaded.map { self.changes(to: $0).map(\.key) } ?? []
            return view
        }
    }

    /// Every key with what holds now.
    private var rows: [ConfigurationRow] {
        let (started, current) = self.state.withLock { ($0.started, $0.current) }
        let before = Dictionary(ConfigurationRows.all(of: started).map { ($0.key, $0) }) { first, _ in first }
        return ConfigurationRows.all(of: current).map { row in
            guard row.needsRestart, let old = before[row.key] else { return row }
            return old
        }
    }

    /// What does not hold yet of a configuration.
    private func changes(to loaded: LoadedConfiguration) -> [ConfigurationRow] {
        ConfigurationRows.changes(from: self.rows, to: ConfigurationRows.all(of: loaded))
    }

    private static func read(
        _ loader: ConfigurationLoader
    ) throws(ConfigurationRefusal) -> (place: ConfigurationLoader.Place, text: String?) {
        let place: ConfigurationLoader.Place
        do throws(ConfigurationError) {
            place = try loader.place()
        } catch {
            throw .unwritable(error.description)
        }
        do throws(Paths.ReadFailure) {
            return (place, try ConfigurationFile(path: place.path).read())
        } catch {
            throw .unwritable("'\(place.path)' cannot be read (\(error.reason))")
        }
    }

    /// What is wrong with a file, by itself: variables and flags that set keys do not count, those that `${NAME}` refers
    /// to do.
    func problems(of yaml: String) async -> [ConfigurationProblem] {
        var loader = self.loader ?? ConfigurationLoader(dataDirectory: self.dataDirectory, environment: [:])
        loader.readsVariables = false
        loader.overrides = []
        do throws(ConfigurationError) {
            var problems: [ConfigurationProblem] = []
            var place = try loader.place()
            place.shown = "configuration"
            try Self.guardAgainst(yaml, place)
            do throws(ConfigurationError) {
                _ = try loader.load(yaml: yaml, in: place)
            } catch {
                problems = error.problems
            }
            let text = try? ConfigurationFile(path: place.path).read()
            do throws(ConfigurationError) {
                _ = try SecretMask(text ?? "", file: place.shown).restored(yaml)
            } catch {
                // A text that is no YAML has been told already.
                if problems.isEmpty || error.problems.first?.key != nil { problems += error.problems }
            }
            return problems.isEmpty ? [] : ConfigurationError(problems: problems).problems
        } catch {
            return error.problems
        }
    }

    private var dataDirectory: String { self.state.withLock { $0.started.dataDirectory } }

    // MARK: - Changing

    /// Changes the file, and takes what can be taken.
    ///
    /// - Parameter etag: empty: whatever is there is replaced.
    func update(
        _ change: ConfigurationChange, etag: String, validateOnly: Bool
    ) async throws(ConfigurationRefusal) -> ConfigurationOutcome {
        guard let loader = self.loader else { throw .noFile }
        return try await self.turns.take { () async throws(ConfigurationRefusal) in
            let (place, old) = try Self.read(loader)
            let current = ConfigurationFile.etag(of: old)
            guard etag.isEmpty || etag == current else { throw .etagMismatch(given: etag, current: current) }
            var warnings: [String] = []
            let new = try Self.text(change, over: old, place, loader, &warnings)
            let loaded = try Self.load(new, place, loader)
            let before = try? loader.load(yaml: old, in: place)
            try self.refuseCommands(in: loaded, beside: before)
            var outcome = self.outcome(of: loaded, after: before, place, etag: ConfigurationFile.etag(of: new))
            outcome.warnings += warnings + loaded.warnings.map(\.description)
            outcome.noteOverridden(loaded, from: old, to: new)
            try await self.check(loaded)
            guard !validateOnly else {
                outcome.etag = current
                return outcome
            }
            let file = ConfigurationFile(path: place.path)
            do throws(ConfigurationFile.WriteFailure) {
                try file.write(new)
            } catch {
                throw .unwritable(error.description)
            }
            do throws(ConfigurationRefusal) {
                outcome.warnings += try await self.take(loaded)
            } catch {
                try? file.write(old)
                throw error
            }
            return outcome
        }
    }

    /// Reads the file again, as `SIGHUP` asks.
    func reload() async throws(ConfigurationRefusal) -> ConfigurationOutcome {
        guard let loader = self.loader else { throw .noFile }
        return try await self.turns.take { () async throws(ConfigurationRefusal) in
            let (place, text) = try Self.read(loader)
            let loaded = try Self.load(text, place, loader)
            var outcome = self.outcome(of: loaded, after: nil, place, etag: ConfigurationFile.etag(of: text))
            outcome.warnings += loaded.warnings.map(\.description)
            try await self.check(loaded)
            outcome.warnings += try await self.take(loaded)
            return outcome
        }
    }

    private static func load(
        _ text: String?, _ place: ConfigurationLoader.Place, _ loader: ConfigurationLoader
    ) throws(ConfigurationRefusal) -> LoadedConfiguration {
        do throws(ConfigurationError) {
            return try loader.load(yaml: text, in: place)
        } catch {
            throw .invalid(error.problems)
        }
    }

    /// A command is run with the rights of the server: who may set one may do everything that it may. So that is left to
    /// those who can write the file.
    private func refuseCommands(
        in new: LoadedConfiguration, beside file: LoadedConfiguration?
    ) throws(ConfigurationRefusal) {
        func commands(_ loaded: LoadedConfiguration) -> [ConfigurationRow] {
            ConfigurationRows.all(of: loaded).filter { $0.setting.traits.contains(.command) && $0.value != nil }
        }
        let known = commands(file ?? self.state.withLock { $0.current })
        let refused = commands(new).filter { row in
            !known.contains { other in
                other.key == row.key && (other.value.flatMap { old in row.value.map { $0.isSame(as: old) } } ?? false)
            }
        }
        guard refused.isEmpty else { throw .commands(refused.map(\.key)) }
    }

    /// - Parameter file: as it was before; `nil` when it was wrong, or is not known.
    private func outcome(
        of loaded: LoadedConfiguration, after file: LoadedConfiguration?, _ place: ConfigurationLoader.Place,
        etag: String
    ) -> ConfigurationOutcome {
        // What does not hold yet: of keys that wait, those too that waited before.
        let ahead = self.changes(to: loaded)
        let waits = self.state.withLock { $0.applier == nil }
        let waiting = Set(ahead.filter { $0.needsRestart || waits }.map(\.key))
        let edited = file.map { file in
            ConfigurationRows.changes(from: ConfigurationRows.all(of: file), to: ConfigurationRows.all(of: loaded))
        }
        var changes = edited ?? ahead
        // What was edited by hand and is taken now, along with the rest.
        let known = Set(changes.map(\.key))
        changes += ahead.filter { !waiting.contains($0.key) && !known.contains($0.key) }
        changes = changes.enumerated().sorted { ($0.element.rank, $0.offset) < ($1.element.rank, $1.offset) }
            .map(\.element)
        var outcome = ConfigurationOutcome(path: place.path, etag: etag)
        outcome.changed = changes.map(\.key)
        outcome.applied = outcome.changed.filter { !waiting.contains($0) }
        outcome.pending = outcome.changed.filter(waiting.contains)
        return outcome
    }

    private func check(_ loaded: LoadedConfiguration) async throws(ConfigurationRefusal) {
        guard let applier = self.state.withLock({ $0.applier }) else { return }
        // As at a start, where everything of it counts.
        let problems = await applier.problems(of: loaded.configuration)
        guard problems.isEmpty else { throw .invalid(ConfigurationError(problems: problems).problems) }
    }

    /// Takes what counts without a restart.
    private func take(_ loaded: LoadedConfiguration) async throws(ConfigurationRefusal) -> [String] {
        let (current, applier) = self.state.withLock { ($0.current, $0.applier) }
        guard let applier else { return [] }
        let next = current.takingLive(from: loaded)
        let warnings = try await applier.apply(next.configuration)
        self.state.withLock { $0.current = next }
        return warnings
    }

    // MARK: - The new text

    private static func guardAgainst(
        _ yaml: String, _ place: ConfigurationLoader.Place
    ) throws(ConfigurationError) {
        guard let problem = YAMLGuard.problem(of: yaml) else { return }
        let location = ConfigurationLocation.file(path: place.shown, line: 0, column: 0)
        throw ConfigurationError(problems: [ConfigurationProblem(location: location, key: nil, detail: problem)])
    }

    private static func text(
        _ change: ConfigurationChange, over old: String?, _ place: ConfigurationLoader.Place,
        _ loader: ConfigurationLoader, _ warnings: inout [String]
    ) throws(ConfigurationRefusal) -> String {
        do throws(ConfigurationError) {
            let restored: (text: String, hasLostComments: Bool)
            switch change {
            case .file(let yaml):
                try Self.guardAgainst(yaml, place)
                // First as it came, so that problems have the places that its sender sees.
                _ = try loader.load(yaml: yaml, in: place)
                restored = try SecretMask(old ?? "", file: place.shown).restored(yaml)
            case .settings(let settings):
                restored = try SettingEdits.apply(settings, to: old ?? "", file: place.shown)
            }
            if restored.hasLostComments {
                warnings.append("the file could not be changed in place: it was written anew, without its comments")
            }
            return restored.text
        } catch {
            throw .invalid(error.problems)
        }
    }
}

extension LoadedConfiguration {
    /// This configuration with everything of another that counts without a restart.
    func takingLive(from other: LoadedConfiguration) -> LoadedConfiguration {
        var next = self
        next.file = other.file
        for setting in SettingTables.root where setting.traits.contains(.live) {
            setting.copy?(other.configuration, &next.configuration)
            next.origins = next.origins.filter { !setting.holds($0.key) }
            next.origins.merge(other.origins.filter { setting.holds($0.key) }) { _, new in new }
        }
        return next
    }
}

extension Setting {
    /// Whether a path is this key's, or leads into it.
    fileprivate func holds(_ path: String) -> Bool {
        guard path.hasPrefix(self.key) else { return false }
        let rest = path.dropFirst(self.key.count)
        return rest.isEmpty || rest.hasPrefix(".") || rest.hasPrefix("[")
    }
}

extension ConfigurationOutcome {
    /// Tells of keys that were changed in the file and are set by a variable or a flag as well.
    fileprivate mutating func noteOverridden(_ loaded: LoadedConfiguration, from old: String?, to new: String) {
        guard !loaded.overridden.isEmpty else { return }
        let before = try? YAMLDocument.parse(old ?? "", file: "").root
        let after = try? YAMLDocument.parse(new, file: "").root
        for key in SettingTables.root.map(\.key) where loaded.overridden.contains(key) {
            let path = ConfigurationKey.steps(key)
            guard let value = after?[path: path], before?[path: path]?.means(value) != true,
                let origin = loaded.origins[key]
            else { continue }
            self.changed.append(key)
            self.warnings.append("\(key) stands in the file, and \(origin) counts before it")
        }
    }
}
