internal import ArgumentParser

/// How to reach the server. Every client command has them.
struct ConnectionOptions: ParsableArguments, Sendable {
    @Option(
        help: ArgumentHelp(
            "The server: HOST:PORT or unix:/PATH.",
            discussion: "Default: $ROUNDHOUSE_ADDRESS, or \(ConnectionSettings.defaultAddress).",
            valueName: "address"
        )
    )
    var address: String?

    @Flag(help: "Speak TLS. --ca and --certificate imply it.")
    var tls = false

    @Option(
        name: .customLong("ca"),
        help: ArgumentHelp(
            "PEM file with the authorities that may vouch for the server, instead of the system's.",
            valueName: "file"
        )
    )
    var certificateAuthority: String?

    @Option(help: ArgumentHelp("PEM file with the certificate that tells the server who you are.", valueName: "file"))
    var certificate: String?

    @Option(help: ArgumentHelp("PEM file with the private key of --certificate.", valueName: "file"))
    var privateKey: String?

    @Option(
        help: ArgumentHelp("Give up after so long, such as 30s or 5m; a bare number is seconds.", valueName: "duration")
    )
    var timeout: DurationArgument?

    @Flag(help: "Print JSON: results on standard output, an error on standard error.")
    var json = false

    func validate() throws {
        if let timeout = self.timeout?.duration, !(.milliseconds(1) ... .seconds(604_800)).contains(timeout) {
            throw ValidationError("--timeout must be 1ms to 7d, not \(Figures.duration(timeout))")
        }
        if (self.certificate == nil) != (self.privateKey == nil) {
            throw ValidationError("--certificate and --private-key are needed together")
        }
    }

    /// - Parameter environment: where `ROUNDHOUSE_ADDRESS` may be set; an empty one counts as not set.
    func settings(environment: [String: String]) -> ConnectionSettings {
        let inherited = environment["ROUNDHOUSE_ADDRESS"].flatMap { $0.isEmpty ? nil : $0 }
        return ConnectionSettings(
            address: self.address ?? inherited ?? ConnectionSettings.defaultAddress,
            usesTLS: self.tls || self.certificateAuthority != nil || self.certificate != nil,
            certificateAuthority: self.certificateAuthority,
            certificate: self.certificate,
            privateKey: self.privateKey,
            timeout: self.timeout?.duration
        )
    }
}

/// How to reach the server, with every default filled in.
struct ConnectionSettings: Sendable, Hashable {
    static let defaultAddress = "127.0.0.1:50051"

    var address: String
    var usesTLS = false
    /// Paths of PEM files.
    var certificateAuthority: String?
    var certificate: String?
    var privateKey: String?
    /// For one call. Nil: see ``Gateway``.
    var timeout: Duration?
}
