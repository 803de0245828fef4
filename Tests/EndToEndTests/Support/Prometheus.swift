import FoundationEssentials
import Glibc
import Subprocess
import SystemPackage
import Testing

/// A Prometheus that scrapes one server five times a second, with the alerts of `deploy/`.
struct Prometheus: Sendable {
    /// Where its own API answers.
    let url: String

    /// The repository.
    private static let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(4)
        .joined(separator: "/")

    /// Runs one beside `body`, then ends it.
    static func scraping<Value: Sendable>(
        port: Int, _ body: @Sendable (Prometheus) async throws -> Value
    ) async throws -> Value {
        let directory = try TemporaryDirectory()
        let configuration = try directory.write(
            """
            global: { scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms }
            rule_files: ['\(Self.root)/deploy/prometheus/alerts.yml']
            scrape_configs:
              - job_name: roundhouse
                static_configs: [{ targets: ['127.0.0.1:\(port)'] }]
            """,
            to: "prometheus.yml")
        let arguments = [
            "--config.file=\(configuration)", "--storage.tsdb.path=\(directory.path)/data",
            "--web.listen-address=127.0.0.1:0",
        ]
        let result = try await Subprocess.run(
            .path(FilePath(try Self.tool("prometheus"))),
            arguments: Arguments(arguments),
            input: .none,
            output: .discarded,
            error: .sequence
        ) { execution in
            let log = Lines()
            return await withTaskGroup { group in
                group.addTask { await log.read(execution.standardError) }
                let outcome: Result<Value, any Error>
                do {
                    let line = try #require(
                        await log.first { $0.contains("\"Listening on\"") }, "\(log.all.suffix(10))")
                    let address = try #require(line.split(separator: "address=").last)
                    outcome = .success(try await body(Prometheus(url: "http://\(address)")))
                } catch {
                    outcome = .failure(error)
                }
                Glibc.kill(execution.processIdentifier.value, SIGTERM)
                await group.waitForAll()
                return outcome
            }
        }
        return try result.takeClosureResult().get()
    }

    /// The samples that a query gives now, as promtool writes them: `up{job="roundhouse"} => 1 @[…]`.
    func query(_ query: String) async throws -> [String] {
        let outcome = try await Program.run(try Self.tool("promtool"), ["query", "instant", self.url, query])
        try #require(outcome.status.isSuccess, "\(query): \(outcome.text)")
        return outcome.output.split(separator: "\n").map(String.init)
    }

    /// The value of a query that has one sample; `nil` when it has none.
    func value(_ query: String) async throws -> Double? {
        let samples = try await self.query(query)
        try #require(samples.count <= 1, "\(query): \(samples)")
        guard let sample = samples.first, let arrow = sample.firstRange(of: "=> ") else { return nil }
        return sample[arrow.upperBound...].split(separator: " ").first.flatMap { Double($0) }
    }

    /// Waits for a query to have a value.
    func expect(
        _ query: String, _ wanted: Double, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        var last: Double?
        let isSo = try await Processes.until(within: .seconds(20)) {
            last = try await self.value(query)
            return last == wanted
        }
        #expect(isSo, "\(query): \(last as Any), not \(wanted)", sourceLocation: sourceLocation)
    }

    /// On the PATH, or where `scripts/install-dependencies test` puts it.
    static func tool(_ name: String) throws -> String {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let folders = path.split(separator: ":").map(String.init) + ["\(Self.root)/.build/tools/usr/bin"]
        return try #require(
            folders.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) },
            "\(name) is missing: run scripts/install-dependencies test")
    }
}
