import GRPCCore
import GRPCTransport
import Testing

#if canImport(Glibc)
import Glibc
#endif

@Suite("TLS", .timeLimit(.minutes(2)))
struct SecurityTests {
    private var service: TestService {
        var service = TestService()
        service.add("Who", .unary) { _, context in
            single(((context.transportSpecific as? CallDetails)?.peerIdentity ?? "nobody").bytes)
        }
        return service
    }

    private func configuration(_ certificates: Certificates, clientAuthorities: Bool = false) -> Server.Configuration {
        var configuration = Server.Configuration.forTest
        configuration.security = .tls(
            TLSConfiguration(
                certificateChainPath: certificates.path("server.pem"),
                privateKeyPath: certificates.path("server.key"),
                clientAuthoritiesPath: clientAuthorities ? certificates.path("authority.pem") : nil,
                reloadInterval: .seconds(1)
            ))
        return configuration
    }

    private func who(_ address: Address, _ security: ClientSecurity) async throws -> String {
        try await withClient(address, security: security) { client in
            String(decoding: try await client.call("Who", timeout: .seconds(20)), as: UTF8.self)
        }
    }

    @Test("a client that trusts the server's authority is served; others, and plaintext, are not")
    func tls() async throws {
        let certificates = try Certificates()
        try await withServer(self.service, self.configuration(certificates)) { _, address in
            let trusting = ClientTLSConfiguration(authoritiesPath: certificates.path("authority.pem"))
            #expect(try await self.who(address, .tls(trusting)) == "nobody")
            let stranger = ClientTLSConfiguration(authoritiesPath: certificates.path("stranger.pem"))
            let distrust = try await error { try await self.who(address, .tls(stranger)) }
            #expect(distrust.code == .unavailable)
            let plaintext = try await error { try await self.who(address, .plaintext) }
            #expect(plaintext.code == .unavailable)
            var wrongName = trusting
            wrongName.serverName = "elsewhere.test"
            let mismatch = try await error { [wrongName] in try await self.who(address, .tls(wrongName)) }
            #expect(mismatch.code == .unavailable)
        }
    }

    @Test("with mutual TLS a client must show a certificate, and the handler learns whose")
    func mutualTLS() async throws {
        let certificates = try Certificates()
        try await withServer(self.service, self.configuration(certificates, clientAuthorities: true)) { _, address in
            var tls = ClientTLSConfiguration(authoritiesPath: certificates.path("authority.pem"))
            let anonymous = try await error { [tls] in try await self.who(address, .tls(tls)) }
            #expect(anonymous.code == .unavailable)
            tls.certificateChainPath = certificates.path("client.pem")
            tls.privateKeyPath = certificates.path("client.key")
            #expect(try await self.who(address, .tls(tls)) == "client.test")
            tls.certificateChainPath = certificates.path("stranger.pem")
            tls.privateKeyPath = certificates.path("stranger.key")
            let stranger = try await error { [tls] in try await self.who(address, .tls(tls)) }
            #expect(stranger.code == .unavailable)
        }
    }

    @Test("a renewed certificate is used for new connections without a restart")
    func reload() async throws {
        let certificates = try Certificates()
        try await withServer(self.service, self.configuration(certificates)) { _, address in
            let old = ClientTLSConfiguration(authoritiesPath: certificates.path("authority.pem"))
            #expect(try await self.who(address, .tls(old)) == "nobody")
            // From now on the server's certificate comes from another authority.
            try certificates.issueServerCertificate(from: "renewed")
            let renewed = ClientTLSConfiguration(authoritiesPath: certificates.path("renewed.pem"))
            try await within(.seconds(30)) {
                while (try? await self.who(address, .tls(renewed))) == nil {
                    try await Task.sleep(for: .milliseconds(100))
                }
            }
            let error = try await error { try await self.who(address, .tls(old)) }
            #expect(error.code == .unavailable)
        }
    }

    @Test("files that are missing or hold no certificate prevent the start, and are named")
    func badFiles() async throws {
        let certificates = try Certificates()
        for (chain, key, named) in [
            ("missing.pem", "server.key", "missing.pem"), ("server.key", "server.key", "server.key"),
            ("server.pem", "missing.key", "missing.key"),
        ] {
            var configuration = Server.Configuration.forTest
            configuration.security = .tls(
                TLSConfiguration(
                    certificateChainPath: certificates.path(chain), privateKeyPath: certificates.path(key)))
            let server = Server(configuration)
            let error = await #expect(throws: ServerStartError.self) { try await server.listen { _, _ in } }
            #expect(error?.description.contains(named) == true)
        }
        let missing = ClientTLSConfiguration(authoritiesPath: certificates.path("missing.pem"))
        let error = try await error { try await self.who(.hostPort(host: "127.0.0.1", port: 1), .tls(missing)) }
        #expect(error.code == .failedPrecondition && error.message.contains("missing.pem"))
    }
}

/// Certificates made by the `openssl` command in a folder that goes away with this object.
private final class Certificates: Sendable {
    private let folder: String

    init() throws {
        var template = Array("/tmp/grpc-transport-tls-XXXXXX".utf8CString)
        self.folder = try unsafe template.withUnsafeMutableBufferPointer { buffer in
            let base = try unsafe #require(buffer.baseAddress)
            try unsafe #require(mkdtemp(base) != nil)
            return unsafe String(cString: base)
        }
        for authority in ["authority", "renewed"] {
            try self.run(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=\(authority) "
                    + "-keyout \(authority).key -out \(authority).pem")
        }
        try self.run(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=stranger "
                + "-keyout stranger.key -out stranger.pem")
        try self.issueServerCertificate(from: "authority")
        try self.issue("client", names: "DNS:client.test", from: "authority")
    }

    deinit {
        _ = unsafe system("rm -rf '\(self.folder)'")
    }

    func path(_ name: String) -> String { "\(self.folder)/\(name)" }

    /// Replaces the server's certificate; the files change one after the other, as they do in life.
    func issueServerCertificate(from authority: String) throws {
        try self.issue("server", names: "IP:127.0.0.1,DNS:localhost", from: authority)
    }

    private func issue(_ name: String, names: String, from authority: String) throws {
        try self.run(
            "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=\(name) "
                + "-keyout new.key -out \(name).csr"
        )
        try self.shell("printf 'subjectAltName=\(names)' > names.txt")
        try self.run(
            "x509 -req -days 1 -in \(name).csr -CA \(authority).pem -CAkey \(authority).key -CAcreateserial "
                + "-extfile names.txt -out new.pem")
        try self.shell("mv new.key \(name).key && mv new.pem \(name).pem")
    }

    private func run(_ arguments: String) throws { try self.shell("openssl \(arguments) 2>/dev/null") }

    private func shell(_ command: String) throws {
        try #require(unsafe system("cd '\(self.folder)' && \(command)") == 0, "\(command)")
    }
}
