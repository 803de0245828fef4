internal import GRPCCore

/// The one place where the transport to a server is made.
struct ClientConnection: Sendable {
    let settings: ConnectionSettings

    /// Connects, runs `body` and disconnects.
    func withGateway(_ body: (Gateway) async throws -> Void) async throws {
        throw CommandFailure.local("this build has no transport", hint: nil)
    }
}
