package import Inference
package import NIOCore

/// Every upstream that speaks OpenAI's chat completions: OpenAI, Azure, OpenRouter, LM Studio, vLLM, llama.cpp, Ollama's
/// `/v1` and whatever else does.
package typealias OpenAIProvider = HTTPProvider<OpenAIFormat>

extension HTTPProvider where Format == OpenAIFormat {
    /// Opens no connection yet.
    ///
    /// - Parameter group: whose event loops carry the connections.
    /// - Throws: ``EndpointConfiguration/Invalid``, naming the field.
    package convenience init(
        _ configuration: EndpointConfiguration, group: any EventLoopGroup
    ) throws(EndpointConfiguration.Invalid) {
        try self.init(configuration, format: OpenAIFormat(dialect: try configuration.openAIDialect()), group: group)
    }

    /// A llama.cpp server that we started ourselves on a loopback port.
    package convenience init(
        localEngine id: ProviderID, port: Int, key: Secret?, timeouts: HTTPTimeouts = HTTPTimeouts(),
        limits: HTTPLimits = HTTPLimits(), group: any EventLoopGroup
    ) throws(EndpointConfiguration.Invalid) {
        var configuration = EndpointConfiguration(
            id: id, kind: .llamaCpp, baseURL: "http://127.0.0.1:\(port)/v1", apiKey: key)
        configuration.timeouts = timeouts
        configuration.limits = limits
        // Its server (cpp-httplib in the wheel of 2026.10) says keep-alive and closes every connection under its second
        // request: each request would cost a failed one.
        configuration.keepsConnections = false
        try self.init(configuration, group: group)
    }
}

extension EndpointConfiguration {
    /// The dialect of the kind, with what was configured over it.
    ///
    /// - Throws: ``Invalid`` for a version of Azure's that is none.
    package func openAIDialect() throws(Invalid) -> OpenAIDialect {
        var dialect = self.kind.dialect
        if let includesUsage = self.includesUsage { dialect.takesIncludeUsage = includesUsage }
        guard let version = self.apiVersion else { return dialect }
        guard self.kind == .azureOpenAI else {
            throw Invalid(field: "api_version", expected: "none: only kind azure_openai has versions")
        }
        let isVersion = version.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."): true
            default: false
            }
        }
        guard !version.isEmpty, isVersion else {
            throw Invalid(field: "api_version", expected: "a version such as 2024-10-21 or 2025-04-01-preview")
        }
        dialect.address = .azureDeployments(apiVersion: version)
        return dialect
    }
}
