internal import FoundationEssentials
internal import Inference
internal import ModelRegistry
internal import NIOCore
internal import Providers
internal import Synchronization

/// Makes what speaks to each registered provider, and makes it anew when its registration changes.
///
/// What a provider of the configuration file needs beyond its registration (keys, headers, limits) comes from there.
final class ProviderDirectory: Sendable {
    /// What speaks to one provider.
    struct Parts: Sendable {
        var adapter: any Inference.Provider
        var lister: any ModelLister
        /// `nil` when nobody loads its models, or nobody is asked to.
        var runtime: (any ModelRuntime)?
        /// `nil` when the provider wants none.
        var keys: KeyRing?
    }

    /// Why nothing can be made for a provider.
    private struct Unusable: Error, CustomStringConvertible {
        /// As in the API: `base_url`.
        var field: String
        var expected: String

        var description: String { "\(self.field): expected \(self.expected)" }
    }

    /// A provider as it was when its parts were made.
    private struct Entry {
        var description: ProviderDescription
        /// What the configuration said of it, when that counted.
        var configured: RoundhouseConfiguration.Provider?
        var parts: Parts
    }

    private let said: Mutex<[ProviderID: RoundhouseConfiguration.Provider]>
    private let environment: [String: String]
    private let group: any EventLoopGroup
    private let userAgent: String
    private let entries = Mutex<[ProviderID: Entry]>([:])

    init(
        _ configured: [RoundhouseConfiguration.Provider],
        environment: [String: String],
        group: any EventLoopGroup,
        version: String
    ) {
        self.said = Mutex(Self.byID(configured))
        self.environment = environment
        self.group = group
        self.userAgent = "roundhouse/\(version)"
    }

    private static func byID(
        _ providers: [RoundhouseConfiguration.Provider]
    ) -> [ProviderID: RoundhouseConfiguration.Provider] {
        Dictionary(providers.map { ($0.id, $0) }) { first, _ in first }
    }

    /// What the configuration says of its providers.
    var configured: [RoundhouseConfiguration.Provider] { self.said.withLock { Array($0.values) } }

    /// Sets what the configuration says of its providers from the next ``update(to:)`` on.
    func configure(_ providers: [RoundhouseConfiguration.Provider]) {
        self.said.withLock { $0 = Self.byID(providers) }
    }

    /// What speaks to a provider; `nil` when it is not registered or nothing could be made for it.
    subscript(id: ProviderID) -> Parts? {
        self.entries.withLock { $0[id]?.parts }
    }

    /// What the keys of each provider that has some did, by their places.
    var keyCounts: [ProviderID: KeyUses.Reading] {
        self.entries.withLock { $0.compactMapValues(\.parts.keys) }.mapValues { ring in
            KeyUses.Reading(ring: ObjectIdentifier(ring), counts: ring.counts)
        }
    }

    /// Makes parts for what is new or changed in a registry and lets go of the rest. Opens no connection; may read a key
    /// file.
    ///
    /// - Returns: what changed: parts to use from now on, or why there are none; `nil` for providers that are gone.
    func update(to snapshot: RegistrySnapshot) -> [ProviderID: Result<Parts, StartError>?] {
        var changes: [ProviderID: Result<Parts, StartError>?] = [:]
        let known = self.entries.withLock { $0 }
        for description in snapshot.providers where description.id != .local {
            let wanted = Self.essence(description)
            let isConfigured = description.provenance.source == .config
            let configured = isConfigured ? self.said.withLock { $0[description.id] } : nil
            let entry = known[description.id]
            guard entry?.description != wanted || entry?.configured?.endpoint != configured?.endpoint else { continue }
            do throws(Unusable) {
                let parts = try self.parts(for: description)
                self.entries.withLock {
                    $0[description.id] = Entry(description: wanted, configured: configured, parts: parts)
                }
                changes[description.id] = .success(parts)
            } catch {
                self.entries.withLock { $0[description.id] = nil }
                changes[description.id] = .failure(StartError("provider '\(description.id)': \(error)"))
            }
        }
        for id in known.keys where snapshot.provider(id) == nil {
            self.entries.withLock { $0[id] = nil }
            changes[id] = .some(nil)
        }
        return changes
    }

    /// Why nothing could be made for a provider, by field; empty when it could.
    func problems(of description: ProviderDescription) -> [FieldProblem] {
        do throws(Unusable) {
            _ = try self.parts(for: description)
            return []
        } catch {
            return [
                FieldProblem(error.field, found: Self.value(of: error.field, description), expected: error.expected)
            ]
        }
    }

    private static func value(of field: String, _ description: ProviderDescription) -> String {
        switch (field, description.credentials) {
        case ("base_url", _): description.baseURL ?? ""
        case ("kind", _): description.kind
        case ("api_key_environment", .environment(let name)): name
        case ("api_key_file", .file(let path)): path
        default: ""
        }
    }

    /// A registration without what does not concern how it is spoken to.
    private static func essence(_ description: ProviderDescription) -> ProviderDescription {
        var essence = description
        essence.provenance = Provenance()
        essence.isEnabled = true
        essence.priority = 0
        essence.acceptsAnyModel = false
        return essence
    }

    private func parts(
        for description: ProviderDescription
    ) throws(Unusable) -> Parts {
        let configuration = try self.configuration(for: description)
        let isManaged = self.said.withLock { $0[description.id]?.isManaged } ?? true
        return try self.parts(for: configuration, isManaged: isManaged)
    }

    /// Why nothing could be made for a provider as the configuration has it; `nil` when it could.
    func problem(of provider: RoundhouseConfiguration.Provider) -> FieldProblem? {
        do throws(Unusable) {
            let configuration = ConfiguredProviders.adapter(provider, userAgent: self.userAgent)
            _ = try self.parts(for: configuration, isManaged: provider.isManaged)
            return nil
        } catch {
            return FieldProblem(error.field, found: "a value that cannot be used", expected: error.expected)
        }
    }

    private func parts(for configuration: EndpointConfiguration, isManaged: Bool) throws(Unusable) -> Parts {
        do throws(EndpointConfiguration.Invalid) {
            return Parts(
                adapter: try ProviderAdapters.adapter(for: configuration, group: self.group),
                lister: try ModelListers.lister(for: configuration, group: self.group),
                runtime: isManaged ? try ModelListers.runtime(for: configuration, group: self.group) : nil,
                keys: configuration.keys
            )
        } catch {
            throw Unusable(field: error.field, expected: error.expected)
        }
    }

    private func configuration(
        for description: ProviderDescription
    ) throws(Unusable) -> EndpointConfiguration {
        guard let kind = ProviderKind(rawValue: description.kind) else {
            throw Unusable(
                field: "kind",
                expected: RoundhouseConfiguration.Provider.Kind.allCases.map(\.rawValue).joined(separator: ", ")
            )
        }
        var configuration: EndpointConfiguration
        if let configured = self.said.withLock({ $0[description.id] }),
            description.provenance.source == .config
        {
            configuration = ConfiguredProviders.adapter(configured, userAgent: self.userAgent)
        } else {
            configuration = EndpointConfiguration(id: description.id, kind: kind)
            configuration.userAgent = self.userAgent
        }
        configuration.kind = kind
        configuration.baseURL = description.baseURL ?? configuration.baseURL
        configuration.allowInsecure = description.allowsInsecure
        if let reference = description.credentials {
            // A key that is not there is told now, one that changes later is loaded again.
            _ = try self.key(reference)
            configuration.keys = KeyRing([self.source(reference)])
        }
        return configuration
    }

    private func source(_ reference: CredentialReference) -> KeySource {
        switch reference {
        case .environment(let name): .environment(name, in: self.environment)
        case .file(let path): .file(path)
        }
    }

    private func key(_ reference: CredentialReference) throws(Unusable) -> Secret {
        switch reference {
        case .environment(let name):
            guard let value = self.environment[name], !value.isEmpty else {
                throw Unusable(
                    field: "api_key_environment",
                    expected: "a variable that is set where the server runs; '\(name)' is not")
            }
            return Secret(value)
        case .file(let path):
            guard let data = FileManager.default.contents(atPath: path) else {
                throw Unusable(
                    field: "api_key_file", expected: "a file that the server can read, and '\(path)' is none")
            }
            let text = String(decoding: data, as: UTF8.self)
            return Secret(String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed()))
        }
    }
}

extension RoundhouseConfiguration.Provider {
    /// Itself without what does not concern how it is spoken to, so that a new model cuts no connection.
    fileprivate var endpoint: RoundhouseConfiguration.Provider {
        var endpoint = self
        endpoint.models = []
        endpoint.priority = 0
        endpoint.discover = false
        return endpoint
    }
}
