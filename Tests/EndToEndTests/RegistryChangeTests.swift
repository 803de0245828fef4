import FoundationEssentials
import GRPCCore
import GRPCProtobuf
import RoundhouseAPI
import Subprocess
import SwiftProtobuf
import TestSupport
import Testing

extension EndToEnd {
    /// What is changed while the server runs counts at once, and after a restart.
    @Suite struct RegistryChangeSuite {
        private static let base = providers("http://127.0.0.1:9/v1")

        @Test func `A provider registered at run time answers at once, with its key, and moves when it is changed`()
            async throws
        {
            let directory = try TemporaryDirectory()
            let key = try directory.write("sk-of-the-test\n", to: "key")
            try await FaultUpstream.run {
                .answer(to: $0, ["one"])
            } _: { first in
                try await FaultUpstream.run {
                    .answer(to: $0, ["two"])
                } _: { second in
                    try await RunningServer.with(Self.base, in: directory, endingWith: .signaled(9)) { server in
                        try await server.withClient { gateway in
                            _ = try await gateway.registry.createProvider(
                                .with {
                                    $0.provider.id = "fresh"
                                    $0.provider.kind = "custom"
                                    $0.provider.baseURL = first.baseURL
                                    $0.provider.apiKeyFile = key
                                })
                            let answer = try await gateway.generation.generate(.asking("?", "fresh/m"))
                            #expect(answer.text == "one")
                            #expect(first.requests.all.last?.headers["authorization"] == "Bearer sk-of-the-test")
                            _ = try await gateway.registry.updateProvider(
                                .with {
                                    $0.provider.id = "fresh"
                                    $0.provider.baseURL = second.baseURL
                                    $0.updateMask = .with { $0.paths = ["base_url"] }
                                })
                            let moved = try await gateway.generation.generate(.asking("?", "fresh/m"))
                            #expect(moved.text == "two")
                            let error = try await #require(throws: RPCError.self) {
                                try await gateway.registry.updateProvider(
                                    .with {
                                        $0.provider.id = "fresh"
                                        $0.provider.apiKeyFile = "/nowhere/key"
                                        $0.updateMask = .with { $0.paths = ["api_key_file"] }
                                    })
                            }
                            #expect(error.message.contains("provider.api_key_file is '/nowhere/key'"))
                            server.kill()
                            await server.end()
                        }
                    }
                    try await RunningServer.with(Self.base, in: directory) { server in
                        try await server.withClient { gateway in
                            let answer = try await gateway.generation.generate(.asking("?", "fresh/m"))
                            #expect(answer.text == "two")
                            #expect(second.requests.all.last?.headers["authorization"] == "Bearer sk-of-the-test")
                            _ = try await gateway.registry.deleteProvider(.with { $0.provider = "fresh" })
                            let error = try await #require(throws: RPCError.self) {
                                try await gateway.generation.generate(.asking("?", "fresh/m"))
                            }
                            #expect(error.code == .notFound)
                        }
                    }
                }
            }
        }

        @Test func `A weighted alias shares requests by weight`() async throws {
            try await FaultUpstream.run {
                .answer(to: $0, ["one"])
            } _: { first in
                try await FaultUpstream.run {
                    .answer(to: $0, ["two"])
                } _: { second in
                    try await RunningServer.with(providers(first.baseURL, second.baseURL)) { server in
                        try await server.withClient { gateway in
                            _ = try await gateway.registry.updateAlias(
                                .with {
                                    $0.alias.name = "all"
                                    $0.alias.mode = .weighted
                                    $0.alias.targets = [
                                        .with {
                                            $0.model = "first/m"
                                            $0.weight = 3
                                        },
                                        .with {
                                            $0.model = "second/m"
                                            $0.weight = 1
                                        },
                                    ]
                                })
                            for _ in 0..<400 { _ = try await gateway.generation.generate(.asking("?", "all")) }
                        }
                    }
                    // 100 are expected; the standard deviation is 9. Once in a billion runs it is six of them away.
                    let share = second.requests.all.count
                    #expect((46...154).contains(share), "\(share) of 400")
                    #expect(first.requests.all.count + share == 400)
                }
            }
        }

        @Test func `The file's changes between starts count, and what was changed at run time stays`() async throws {
            let directory = try TemporaryDirectory()
            func file(_ models: String, alias: String) -> String {
                """
                local: { enabled: false }
                providers:
                  - { id: up, kind: custom, base_url: 'http://127.0.0.1:9/v1', models: [\(models)] }
                aliases: { all: [\(alias)] }
                """
            }
            try await RunningServer.with(file("{ name: a }, { name: b }, { name: c }", alias: "up/a"), in: directory) {
                try await $0.withClient { gateway in
                    _ = try await gateway.registry.switchModel(
                        .with {
                            $0.alias = "all"
                            $0.model = "up/b"
                        })
                    _ = try await gateway.registry.updateModel(
                        .with {
                            $0.model.id = "up/b"
                            $0.model.tags = ["kept"]
                            $0.updateMask = .with { $0.paths = ["tags"] }
                        })
                    _ = try await gateway.registry.createModel(.with { $0.model.id = "up/mine" })
                }
            }
            try await RunningServer.with(file("{ name: a }, { name: b }", alias: "up/a"), in: directory) {
                try await $0.withClient { gateway in
                    let models = try await gateway.registry.listModels(.init()).models
                    #expect(models.map(\.id) == ["up/a", "up/b", "up/mine"])
                    #expect(models.first { $0.id == "up/b" }?.tags == ["kept"])
                    let alias = try await gateway.registry.getAlias(.with { $0.alias = "all" }).alias
                    #expect(alias.activeModel == "up/b")
                }
            }
            try await RunningServer.with(file("{ name: b }, { name: a }", alias: "up/b, up/a"), in: directory) {
                try await $0.withClient { gateway in
                    let alias = try await gateway.registry.getAlias(.with { $0.alias = "all" }).alias
                    #expect(alias.targets.map(\.model) == ["up/b", "up/a"])
                    #expect(alias.history.contains { $0.targets.map(\.model) == ["up/a"] })
                }
            }
        }

        @Test func `A download that was cut goes on where it was, and what does not exist is NOT_FOUND`() async throws {
            let bytes = try Self.tiny()
            let half = bytes.count / 2
            try await FaultUpstream.run { request in
                guard request.path == "/m.gguf" else { return .whole("", status: "404 Not Found") }
                guard let range = request.headers["range"] else {
                    let head = "content-length: \(bytes.count)\r\netag: \"v1\"\r\naccept-ranges: bytes\r\n\r\n"
                    return [.send("HTTP/1.1 200 OK\r\n" + head), .send(Array(bytes[..<half])), .close]
                }
                guard range == "bytes=\(half)-" else { return .whole("", status: "416 Range Not Satisfiable") }
                let head = "content-range: bytes \(half)-\(bytes.count - 1)/\(bytes.count)\r\netag: \"v1\"\r\n"
                return [
                    .send("HTTP/1.1 206 Partial Content\r\ncontent-length: \(bytes.count - half)\r\n\(head)\r\n"),
                    .send(Array(bytes[half...])),
                ]
            } _: { source in
                let origin = "http://127.0.0.1:\(source.port)"
                try await RunningServer.with("local: { preload: false }") { server in
                    try await server.withClient { gateway in
                        let missing = try await #require(throws: RPCError.self) {
                            try await gateway.install {
                                $0.name = "mine"
                                $0.url = origin + "/none.gguf"
                            }
                        }
                        let info = try missing.errorInfo()
                        #expect(missing.code == .notFound && info.reason == "SOURCE_NOT_FOUND", "\(missing)")
                        let cut = try await #require(throws: RPCError.self) {
                            try await gateway.install {
                                $0.name = "mine"
                                $0.url = origin + "/m.gguf"
                            }
                        }
                        #expect(cut.code == .unavailable && !cut.message.contains("UpstreamFault"), "\(cut.message)")
                        let messages = try await gateway.install {
                            $0.name = "mine"
                            $0.url = origin + "/m.gguf"
                            $0.lazy = true
                        }
                        #expect(messages.contains { $0.resumedBytes == Int64(half) })
                        #expect(messages.last?.model.sizeBytes == Int64(bytes.count))
                    }
                }
            }
        }

        /// The bytes of a bundled model.
        private static func tiny() throws -> [UInt8] {
            let folder = Program.path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
                .joined(separator: "/")
            return Array(
                try Data(contentsOf: URL(filePath: "\(folder)/roundhouse_LocalEngines.resources/tiny-q8_0.gguf")))
        }
    }
}
