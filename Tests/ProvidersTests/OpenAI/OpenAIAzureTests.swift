import Inference
import TestSupport
import Testing

@testable import Providers

/// Both styles of Azure's addresses.
@Suite struct OpenAIAzureTests {
    static func configuration(
        _ url: String = "https://team.openai.azure.com", version: String? = nil, kind: ProviderKind = .azureOpenAI
    ) -> EndpointConfiguration {
        var configuration = EndpointConfiguration(id: .local, kind: kind, baseURL: url, apiKey: Secret("key-1"))
        configuration.apiVersion = version
        return configuration
    }

    static func paths(_ version: String?, model: String) throws -> [String] {
        let format = OpenAIFormat(dialect: try Self.configuration(version: version).openAIDialect())
        var request = Fixture.request()
        request.model = model
        return [
            try format.call(request).path,
            try format.embeddingCall(EmbeddingRequest(id: "r", model: model, inputs: ["a"])).path,
        ]
    }

    @Test func `Without a version it is /openai/v1, and the deployment is the model`() async throws {
        #expect(try Self.paths(nil, model: "my gpt") == ["/openai/v1/chat/completions", "/openai/v1/embeddings"])
        try await FaultUpstream.run { _ in
            .whole(Fixture.whole)
        } _: { upstream in
            let provider = try OpenAIProvider(
                Self.configuration("http://127.0.0.1:\(upstream.port)"), group: Fixture.group)
            _ = try await provider.start(Fixture.request(delivery: .whole)).collect()
            let request = await upstream.requests.element(0)
            #expect(request.path == "/openai/v1/chat/completions")
            #expect(request.headers["api-key"] == "key-1")
            #expect(request.headers["authorization"] == nil)
            #expect(request.text.hasPrefix(#"{"model":"tiny","#))
        }
    }

    @Test func `With a version it is the deployment's own address`() async throws {
        #expect(
            try Self.paths("2024-10-21", model: "gpt-4o") == [
                "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21",
                "/openai/deployments/gpt-4o/embeddings?api-version=2024-10-21",
            ])
        try await FaultUpstream.run { _ in
            .whole(Fixture.whole)
        } _: { upstream in
            let provider = try OpenAIProvider(
                Self.configuration("http://127.0.0.1:\(upstream.port)", version: "2025-04-01-preview"),
                group: Fixture.group)
            _ = try await provider.start(Fixture.request(delivery: .whole)).collect()
            let request = await upstream.requests.element(0)
            #expect(request.path == "/openai/deployments/tiny/chat/completions?api-version=2025-04-01-preview")
        }
    }

    @Test(arguments: [
        ("a/b", "a%2Fb"), ("a b", "a%20b"), ("../x", "..%2Fx"), ("é?#&", "%C3%A9%3F%23%26"),
        ("a\r\nx: y", "a%0D%0Ax%3A%20y"),
        ("gpt-4.1_mini~", "gpt-4.1_mini~"),
    ])
    func `A deployment's name stays one part of the path`(_ name: String, _ escaped: String) throws {
        #expect(
            try Self.paths("2024-10-21", model: name)[0]
                == "/openai/deployments/\(escaped)/chat/completions?api-version=2024-10-21")
    }

    @Test(arguments: [".", ".."])
    func `A name that would lead elsewhere is no deployment`(_ name: String) {
        let error = #expect(throws: UpstreamFault.self) { try Self.paths("2024-10-21", model: name) }
        #expect(error?.kind == .modelNotFound)
    }

    @Test(arguments: [
        "https://team.openai.azure.com", "https://team.openai.azure.com/", "https://team.openai.azure.com/openai/v1/",
        "https://team.openai.azure.com/openai/v1", "https://team.openai.azure.com/openai",
    ])
    func `The address may be as Azure's pages show it`(_ url: String) throws {
        #expect(try Self.configuration(url).origin().path.isEmpty)
    }

    @Test(arguments: ["", "2024 10", "a&b=c", "1?", "é", "../x"])
    func `A version that is none names its field`(_ version: String) {
        let error = #expect(throws: EndpointConfiguration.Invalid.self) {
            try OpenAIProvider(Self.configuration(version: version), group: Fixture.group)
        }
        #expect(error?.field == "api_version")
    }

    @Test func `Nobody else has versions`() {
        let error = #expect(throws: EndpointConfiguration.Invalid.self) {
            try OpenAIProvider(Self.configuration(version: "2024-10-21", kind: .openai), group: Fixture.group)
        }
        #expect(error?.field == "api_version")
    }

    @Test func `It needs an address and a key`() {
        var configuration = EndpointConfiguration(id: .local, kind: .azureOpenAI, apiKey: Secret("k"))
        #expect(ConfigurationTests.invalid(configuration)?.field == "base_url")
        configuration.baseURL = "https://team.openai.azure.com"
        configuration.apiKey = nil
        #expect(ConfigurationTests.invalid(configuration)?.field == "api_key")
    }
}
