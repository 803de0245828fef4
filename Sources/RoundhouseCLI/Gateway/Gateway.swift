internal import GRPCCore
internal import RoundhouseAPI
internal import SwiftProtobuf

/// A server that can be asked: the generated clients over one connection.
struct Gateway: Sendable {
    /// Questions that a healthy server answers from memory do not wait longer, unless `--timeout` says so.
    private static let queryTimeout = Duration.seconds(30)

    let address: String
    let generation: any Roundhouse_V1_GenerationService.ClientProtocol
    let registry: any Roundhouse_V1_RegistryService.ClientProtocol
    let health: any Roundhouse_V1_HealthService.ClientProtocol
    private let timeout: Duration?

    init(_ client: GRPCClient<some ClientTransport>, address: String, timeout: Duration?) {
        self.address = address
        self.timeout = timeout
        self.generation = Roundhouse_V1_GenerationService.Client(wrapping: client)
        self.registry = Roundhouse_V1_RegistryService.Client(wrapping: client)
        self.health = Roundhouse_V1_HealthService.Client(wrapping: client)
    }

    /// For generation, which takes as long as it takes unless `--timeout` says otherwise.
    var generationOptions: CallOptions {
        self.options(timeout: self.timeout)
    }

    /// For everything else.
    var queryOptions: CallOptions {
        self.options(timeout: self.timeout ?? Self.queryTimeout)
    }

    private func options(timeout: Duration?) -> CallOptions {
        var options = CallOptions.defaults
        options.timeout = timeout
        // A person waits: a server that is not there must be said at once.
        options.waitForReady = false
        return options
    }
}

extension Gateway {
    /// Every model, page by page.
    ///
    /// - Parameter provider: only models of this provider. Empty: all.
    func models(provider: String) async throws -> [Roundhouse_V1_Model] {
        try await Self.everyPage { token in
            let page = try await self.registry.listModels(
                .with {
                    $0.pageSize = 1000
                    $0.pageToken = token
                    $0.provider = provider
                },
                options: self.queryOptions
            )
            return (page.models, page.nextPageToken)
        }
    }

    /// Every provider, page by page.
    func providers() async throws -> [Roundhouse_V1_Provider] {
        try await Self.everyPage { token in
            let page = try await self.registry.listProviders(
                .with {
                    $0.pageSize = 1000
                    $0.pageToken = token
                },
                options: self.queryOptions
            )
            return (page.providers, page.nextPageToken)
        }
    }

    private static func everyPage<Item>(
        _ fetch: (_ token: String) async throws -> (items: [Item], next: String)
    ) async throws -> [Item] {
        var items: [Item] = []
        var seen: Set<String> = []
        var token = ""
        repeat {
            let page = try await fetch(token)
            items += page.items
            token = page.next
            guard seen.insert(token).inserted else {
                throw CommandFailure.brokenPromise("the server sent the page token '\(token)' twice")
            }
        } while !token.isEmpty
        return items
    }
}
