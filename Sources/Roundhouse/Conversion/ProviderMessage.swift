internal import Inference
internal import ModelRegistry
internal import RoundhouseAPI
internal import SwiftProtobuf

extension Roundhouse_V1_Provider {
    init(_ provider: ProviderDescription, modelCount: Int) {
        self.init()
        self.id = provider.id.rawValue
        self.kind = provider.kind
        self.baseURL = provider.baseURL ?? ""
        self.hasCredentials_p = provider.hasCredentials
        self.modelCount = Int32(clamping: modelCount)
        self.enabled = provider.isEnabled
        self.source = .init(provider.provenance.source)
        switch provider.credentials {
        case .environment(let name): self.apiKeyEnvironment = name
        case .file(let path): self.apiKeyFile = path
        case nil: break
        }
        self.allowInsecure = provider.allowsInsecure
        self.priority = Int32(clamping: provider.priority)
        self.acceptsAnyModel = provider.acceptsAnyModel
        if provider.provenance.revision > 0 {
            self.createTime = .init(microseconds: provider.provenance.createdAtMicroseconds)
            self.updateTime = .init(microseconds: provider.provenance.updatedAtMicroseconds)
            self.etag = provider.provenance.etag
        }
    }
}

/// Reads registrations of providers from their messages.
enum ProviderReader {
    typealias Field = SettableField<Roundhouse_V1_Provider, ProviderDescription>

    /// What `UpdateProvider` can change, and `CreateProvider` can set beside id and kind.
    static let table = FieldTable(
        prefix: "provider.",
        fields: [
            Field("base_url", hasValue: { !$0.baseURL.isEmpty }) { message, provider, reader in
                provider.baseURL = reader.baseURL(message.baseURL, of: provider)
            },
            Field("enabled", hasValue: \.enabled) { message, provider, _ in provider.isEnabled = message.enabled },
            Field("api_key_environment", hasValue: { !$0.apiKeyEnvironment.isEmpty }) { message, provider, reader in
                reader.setEnvironmentKey(message.apiKeyEnvironment, of: &provider)
            },
            Field("api_key_file", hasValue: { !$0.apiKeyFile.isEmpty }) { message, provider, reader in
                reader.setFileKey(message.apiKeyFile, of: &provider)
            },
            Field("allow_insecure", hasValue: \.allowInsecure) { message, provider, _ in
                provider.allowsInsecure = message.allowInsecure
            },
            Field("priority", hasValue: \.hasPriority) { message, provider, reader in
                provider.priority =
                    message.hasPriority
                    ? reader.integer(message.priority, in: 0...1000, "priority") : ModelDescription.defaultPriority
            },
        ]
    )

    /// - Throws: ``ServiceError`` that names every field at fault.
    static func newProvider(from message: Roundhouse_V1_Provider) throws(ServiceError) -> ProviderDescription {
        var reader = FieldReader("provider.")
        let id = reader.providerID(message.id, "id")
        let kinds = RoundhouseConfiguration.Provider.Kind.allCases
        let kind = kinds.first { $0.rawValue == message.kind }
        if kind == nil {
            reader.report(
                "kind", found: message.kind, expected: "one of " + kinds.map(\.rawValue).joined(separator: ", "))
        }
        if let kind, message.baseURL.isEmpty, kind.defaultBaseURL == nil {
            reader.report(
                "base_url", found: "",
                expected: "\(EndpointURL.expectation) (kind \(kind.rawValue) has no default)")
        }
        if !message.apiKeyEnvironment.isEmpty, !message.apiKeyFile.isEmpty {
            reader.report("api_key_file", found: message.apiKeyFile, expected: "nothing beside api_key_environment")
        }
        guard let id, let kind else {
            try reader.finish()
            throw .invalid([])
        }
        var provider = ProviderDescription(
            id: id,
            kind: kind.rawValue,
            baseURL: kind.defaultBaseURL,
            acceptsAnyModel: true,
            provenance: Provenance(source: .api)
        )
        for field in Self.table.fields where field.hasValue(message) { field.set(message, &provider, &reader) }
        try reader.finish()
        return provider
    }
}

extension FieldReader {
    /// The address of a provider; empty takes its kind's usual one.
    fileprivate mutating func baseURL(_ text: String, of provider: ProviderDescription) -> String? {
        guard !text.isEmpty else {
            let kind = RoundhouseConfiguration.Provider.Kind(rawValue: provider.kind)
            if kind == .custom {
                self.report("base_url", found: "", expected: "\(EndpointURL.expectation) (kind custom has no default)")
            }
            return kind?.defaultBaseURL
        }
        switch EndpointURL.parse(text) {
        case .success(let url): return url.text
        case .failure(let mismatch):
            // A URL with a user name in it holds a password: it is not repeated.
            self.report(
                "base_url", found: mismatch.found ?? text, expected: mismatch.expected ?? EndpointURL.expectation)
            return provider.baseURL
        }
    }

    fileprivate mutating func setEnvironmentKey(_ name: String, of provider: inout ProviderDescription) {
        guard !name.isEmpty else {
            if case .environment = provider.credentials { provider.credentials = nil }
            return
        }
        let isName = name.utf8.allSatisfy {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0 | 0x20)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "_")
        }
        if !isName || name.utf8.count > 255 {
            // Likely the key itself.
            self.report(
                "api_key_environment", found: "a text that is no such name",
                expected: "the name of a variable of the server's environment, never the key itself")
        }
        provider.credentials = .environment(name)
    }

    fileprivate mutating func setFileKey(_ path: String, of provider: inout ProviderDescription) {
        guard !path.isEmpty else {
            if case .file = provider.credentials { provider.credentials = nil }
            return
        }
        if !path.hasPrefix("/") || path.utf8.count > 4096 || path.utf8.contains(0) {
            self.report(
                "api_key_file", found: "a text that is no absolute path",
                expected: "the absolute path of a file on the server's machine, never the key itself")
        }
        provider.credentials = .file(path)
    }
}
