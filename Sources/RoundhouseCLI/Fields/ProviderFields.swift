internal import RoundhouseAPI

/// What `providers create` and `providers update` can set.
enum ProviderFields {
    typealias Field = EditableField<Roundhouse_V1_Provider>

    static let all: [Field] = [
        .text("base_url", \.baseURL),
        .text("api_key_environment", \.apiKeyEnvironment),
        .text("api_key_file", \.apiKeyFile),
        .flag("allow_insecure", \.allowInsecure),
        .flag("enabled", \.enabled),
        Self.priority,
    ]

    /// For `--help`.
    static let help =
        "Fields: " + Self.all.map(\.name).joined(separator: ", ") + ". An empty value unsets."

    private static let priority = Field(
        name: "priority",
        path: "priority",
        expected: "a whole number from 0 to 1000"
    ) { provider, text in
        if text.isEmpty {
            provider.clearPriority()
            return true
        }
        guard let value = Int32(text), (0...1000).contains(value) else { return false }
        provider.priority = value
        return true
    }
}
