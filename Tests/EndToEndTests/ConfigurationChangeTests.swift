import FoundationEssentials
import GRPCCore
import GRPCProtobuf
import Glibc
import RoundhouseAPI
import Subprocess
import SwiftProtobuf
import TestSupport
import Testing

extension EndToEnd {
    /// The configuration changed while the server runs: by calls, by the program, by hand and SIGHUP.
    @Suite struct ConfigurationChangeSuite {
        @Test func `Providers and aliases of the file follow it without a restart, and what needs one holds after it`()
            async throws
        {
            let directory = try TemporaryDirectory()
            let path = "\(directory.path)/roundhouse.yaml"
            try await FaultUpstream.run {
                .answer(to: $0, ["one"])
            } _: { first in
                try await FaultUpstream.run {
                    .answer(to: $0, ["two"])
                } _: { second in
                    let file = """
                        # Ours.
                        local: { enabled: false }
                        http: { max_connections: 100 }
                        providers:
                          - id: up
                            kind: custom
                            base_url: \(first.baseURL)  # the first
                            api_key: key-of-one
                            models: [{ name: m }]
                        aliases: { all: [up/m] }

                        """
                    try await RunningServer.with(file, in: directory) { server in
                        try await server.withClient { gateway in
                            #expect(try await gateway.generation.generate(.asking("?", "all")).text == "one")
                            let moved = try await gateway.set([
                                "providers.up.base_url": second.baseURL, "providers.up.api_key": "key-of-two",
                                "providers.up.priority": "3",
                            ])
                            #expect(moved.appliedKeys.count == 3 && moved.pendingKeys.isEmpty, "\(moved)")
                            #expect(try await gateway.generation.generate(.asking("?", "all")).text == "two")
                            #expect(second.requests.all.last?.headers["authorization"] == "Bearer key-of-two")

                            let added = try await gateway.set([
                                "providers.fresh":
                                    "{ kind: custom, base_url: '\(first.baseURL)', models: [{ name: n }] }",
                                "aliases.all": "[fresh/n]", "aliases.quick": "up/m",
                            ])
                            #expect(added.pendingKeys.isEmpty, "\(added)")
                            #expect(try await gateway.generation.generate(.asking("?", "all")).text == "one")
                            #expect(try await gateway.generation.generate(.asking("?", "quick")).text == "two")
                            let models = try await gateway.registry.listModels(.init()).models
                            #expect(
                                models.map(\.id) == ["fresh/n", "up/m"] && models.allSatisfy { $0.source == .config })

                            _ = try await gateway.set(["providers.up": "", "aliases.quick": ""])
                            let gone = try await gateway.failure(of: .asking("?", "up/m"))
                            #expect(gone.code == .notFound)

                            let later = try await gateway.set(["http.max_connections": "50"])
                            #expect(later.pendingKeys == ["http.max_connections"] && later.appliedKeys.isEmpty)
                            let told = try await gateway.admin.getConfig(.init())
                            #expect(told.pendingKeys == ["http.max_connections"])
                            #expect(told.settings.first { $0.key == "http.max_connections" }?.value == "100")
                            let events = try await gateway.events(.configChanged)
                            #expect(
                                events.contains { $0.attributes["entry"] == "file" && $0.attributes["name"] == path })
                            #expect(
                                events.contains {
                                    $0.attributes["entry"] == "provider" && $0.attributes["action"] == "deleted"
                                })
                        }
                        #expect(!server.log.all.contains { $0.contains("key-of-two") })
                    }
                    let written = try String(contentsOfFile: path, encoding: .utf8)
                    #expect(written.hasPrefix("# Ours.\n"), "\(written)")
                    try await RunningServer.with(written, in: directory) { server in
                        try await server.withClient { gateway in
                            let told = try await gateway.admin.getConfig(.init())
                            #expect(told.pendingKeys.isEmpty)
                            #expect(told.settings.first { $0.key == "http.max_connections" }?.value == "50")
                            #expect(try await gateway.generation.generate(.asking("?", "all")).text == "one")
                        }
                    }
                }
            }
        }

        @Test func `A change that a start would refuse is refused, and requests go where they went`() async throws {
            try await FaultUpstream.run {
                .answer(to: $0, ["one"])
            } _: { first in
                try await RunningServer.with(providers(first.baseURL)) { server in
                    try await server.withClient { gateway in
                        for settings in [
                            ["providers.first.base_url": "http://10.0.0.1/v1"], ["aliases.all": "first/none"],
                            ["routing.fallback.context_length": "[first/none]"],
                            ["providers.first.ca_file": "/nowhere"],
                        ] {
                            let error = try await #require(throws: RPCError.self) { try await gateway.set(settings) }
                            #expect(error.code == .invalidArgument, "\(settings): \(error)")
                        }
                        #expect(try await gateway.generation.generate(.asking("?", "all")).text == "one")
                    }
                }
            }
        }

        @Test func `SIGHUP reads the file again`() async throws {
            let directory = try TemporaryDirectory()
            try await FaultUpstream.run {
                .answer(to: $0, ["one"])
            } _: { first in
                try await FaultUpstream.run {
                    .answer(to: $0, ["two"])
                } _: { second in
                    try await RunningServer.with(providers(first.baseURL), in: directory) { server in
                        try await server.withClient { gateway in
                            #expect(try await gateway.generation.generate(.asking("?", "all")).text == "one")
                            try directory.write("nonsense: true\n", to: "roundhouse.yaml")
                            kill(server.pid, SIGHUP)
                            #expect(await server.log.first { $0.contains("what held goes on to hold") } != nil)
                            #expect(try await gateway.generation.generate(.asking("?", "all")).text == "one")
                            try directory.write(
                                providers(second.baseURL, settings: "log: { level: debug }"), to: "roundhouse.yaml")
                            kill(server.pid, SIGHUP)
                            let line = await server.log.first { $0.contains("The configuration was read again") }
                            #expect(line?.contains("log.level") == true, "\(line ?? "")")
                            #expect(try await gateway.generation.generate(.asking("?", "all")).text == "two")
                        }
                    }
                }
            }
        }

        @Test func `The program gets and sets keys of a running server, and checks files without one`() async throws {
            let directory = try TemporaryDirectory()
            try await RunningServer.with("local: { enabled: false }\n", in: directory) { server in
                func run(_ arguments: [String]) async throws -> Program.Outcome {
                    try await Program.run(["config"] + arguments + ["--address", "\(server.address)"])
                }
                #expect(try await run(["get", "log.level"]).output == "info\n")
                let set = try await run(["set", "log.level", "debug", "grpc.max_connections", "77"])
                #expect(
                    set.output == """
                        \(directory.path)/roundhouse.yaml is written
                          grpc.max_connections waits for a restart
                          log.level holds now

                        """, "\(set.text)")
                let section = try await run(["get", "log"])
                #expect(section.output.contains("log.level") && section.errors.contains("grpc.max_connections"))
                let wrong = try await run(["set", "log.level", "loud"])
                #expect(wrong.status == .exited(65) && wrong.errors.contains("found 'loud'"), "\(wrong.text)")
                #expect(
                    try await run(["template", "--server"]).output
                        == (try await Program.run(["config", "template"])).output)
                let file = try directory.write("log: { levl: info }\n", to: "other.yaml")
                let local = try await Program.run(["config", "validate", file])
                let remote = try await run(["validate", file, "--server"])
                #expect(local.status == .exited(78) && remote.status == .exited(78))
                #expect(
                    local.errors == remote.errors && local.errors.contains("other.yaml:1:8"),
                    "\(local.text)\(remote.text)")
            }
        }
    }
}

extension Gateway {
    /// Changes keys of the configuration.
    fileprivate func set(_ settings: [String: String]) async throws -> Roundhouse_V1_UpdateConfigResponse {
        try await self.admin.updateConfig(.with { $0.changes.settings = settings })
    }
}
