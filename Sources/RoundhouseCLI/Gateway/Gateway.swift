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
    let lifecycle: any Roundhouse_V1_LifecycleService.ClientProtocol
    let telemetry: any Roundhouse_V1_TelemetryService.ClientProtocol
    let health: any Roundhouse_V1_HealthService.ClientProtocol
    let admin: any Roundhouse_V1_AdminService.ClientProtocol
    private let timeout: Duration?

    init(_ client: GRPCClient<some ClientTransport>, address: String, timeout: Duration?) {
        self.address = address
        self.timeout = timeout
        self.generation = Roundhouse_V1_GenerationService.Client(wrapping: client)
        self.registry = Roundhouse_V1_RegistryService.Client(wrapping: client)
        self.lifecycle = Roundhouse_V1_LifecycleService.Client(wrapping: client)
        self.telemetry = Roundhouse_V1_TelemetryService.Client(wrapping: client)
        self.health = Roundhouse_V1_HealthService.Client(wrapping: client)
        self.admin = Roundhouse_V1_AdminService.Client(wrapping: client)
    }

    /// For what takes as long as it takes, unless `--timeout` says otherwise: generating, loading, unloading,
    /// installing, measuring, watching, and asking providers.
    var workOptions: CallOptions {
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
