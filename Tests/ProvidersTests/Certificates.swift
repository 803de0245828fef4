import Foundation
import NIOSSL
import Testing

/// A certificate for 127.0.0.1 and localhost, signed by an authority that nobody knows.
struct Certificates: Sendable {
    /// Made once for all tests: programs started by many tests at once block the few threads that run the tests.
    static let shared = Result { try Certificates() }

    private static let folder = FileManager.default.temporaryDirectory
        .appendingPathComponent("tls-\(UUID().uuidString)")

    /// The authority's own certificate (PEM).
    var authority: String { Self.path("ca.pem") }

    private init() throws {
        try FileManager.default.createDirectory(at: Self.folder, withIntermediateDirectories: true)
        atexit { try? FileManager.default.removeItem(at: Certificates.folder) }
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.currentDirectoryURL = Self.folder
        process.standardError = FileHandle.nullDevice
        process.arguments = [
            "-c",
            """
            set -e
            echo 'subjectAltName=IP:127.0.0.1,DNS:localhost' > names
            openssl req -x509 -subj '/CN=Test CA' -days 2 -keyout ca.key -out ca.pem \(key)
            openssl req -subj /CN=upstream -keyout server.key -out server.csr \(key)
            openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out server.pem -extfile names
            """,
        ]
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
    }

    /// - Parameter protocols: by ALPN, the preferred first.
    func server(_ protocols: [String] = ["http/1.1"]) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMFile(Self.path("server.pem")).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(file: Self.path("server.key"), format: .pem)))
        configuration.applicationProtocols = protocols
        return try NIOSSLContext(configuration: configuration)
    }

    private static func path(_ name: String) -> String { Self.folder.appendingPathComponent(name).path }
}
