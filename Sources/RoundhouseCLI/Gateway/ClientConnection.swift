internal import FoundationEssentials
internal import GRPCCore
internal import GRPCTransport
internal import Roundhouse

/// The one place where the transport to a server is made.
struct ClientConnection: Sendable {
    let settings: ConnectionSettings

    /// Connects, runs `body` and disconnects.
    ///
    /// - Throws: ``CommandFailure/usage(_:)`` for an address or a file that cannot be used, else what `body` throws.
    func withGateway(_ body: (Gateway) async throws -> Void) async throws {
        let transport = Client(target: try self.target(), security: try self.security(), options: Self.options)
        try await withGRPCClient(transport: transport) { client in
            try await body(Gateway(client, address: self.settings.address, timeout: self.settings.timeout))
        }
    }

    private static let options: Client.Options = {
        var options = Client.Options()
        options.userAgent = "roundhouse-cli/\(RoundhouseServer.version)"
        return options
    }()

    private func target() throws -> Address {
        do {
            return try Address(parsing: self.settings.address)
        } catch {
            throw CommandFailure.usage("\(error)")
        }
    }

    private func security() throws -> ClientSecurity {
        guard self.settings.usesTLS else { return .plaintext }
        // gRPC says nothing of a file that it cannot read; the connection would just never come about.
        let files = [
            ("--ca", self.settings.certificateAuthority), ("--certificate", self.settings.certificate),
            ("--private-key", self.settings.privateKey),
        ]
        for case (let option, let path?) in files where !FileManager.default.isReadableFile(atPath: path) {
            throw CommandFailure.usage("\(option): the file '\(path)' is not there or cannot be read")
        }
        return .tls(
            ClientTLSConfiguration(
                authoritiesPath: self.settings.certificateAuthority,
                certificateChainPath: self.settings.certificate,
                privateKeyPath: self.settings.privateKey
            )
        )
    }
}
