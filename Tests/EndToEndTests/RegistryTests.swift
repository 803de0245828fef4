import FoundationEssentials
import GRPCCore
import GRPCProtobuf
import GRPCTransport
import Glibc
import RoundhouseAPI
import Subprocess
import SwiftProtobuf
import TestSupport
import Testing

extension EndToEnd {
    /// What is registered survives whatever happens, and nothing is registered by half.
    @Suite struct RegistrySuite {
        private static let configuration = """
            local: { enabled: false }
            providers:
              - { id: first, kind: custom, base_url: 'http://127.0.0.1:9/v1', models: [{ name: a }, { name: b }] }
            aliases: { all: [first/a] }
            """

        @Test(arguments: 0..<3)
        func `What CreateModel and UpdateAlias acknowledged is there after kill -9`(round: Int) async throws {
            let directory = try TemporaryDirectory()
            try await RunningServer.with(Self.configuration, in: directory, endingWith: .signaled(9)) { server in
                try await server.withClient { gateway in
                    for number in 0...round * 3 {
                        _ = try await gateway.registry.createModel(
                            .with {
                                $0.model.id = "first/new-\(number)"
                                $0.model.tags = ["fresh"]
                                $0.model.prices.inputNanoUsdPerMillionTokens = 37_500_000
                            })
                    }
                    let before = try await gateway.registry.getAlias(.with { $0.alias = "all" }).alias
                    _ = try await gateway.registry.updateAlias(
                        .with {
                            $0.alias.name = "all"
                            $0.alias.etag = before.etag
                            $0.alias.targets = [.with { $0.model = "first/new-0" }, .with { $0.model = "first/a" }]
                            $0.reason = "the new one is better"
                        })
                    server.kill()
                    await server.end()
                }
            }
            try await RunningServer.with(Self.configuration, in: directory) { server in
                try await server.withClient { gateway in
                    let models = try await gateway.registry.listModels(.with { $0.filter = "tags:fresh" }).models
                    #expect(models.map(\.id) == (0...round * 3).map { "first/new-\($0)" })
                    #expect(models.allSatisfy { $0.prices.inputNanoUsdPerMillionTokens == 37_500_000 })
                    let alias = try await gateway.registry.getAlias(.with { $0.alias = "all" }).alias
                    #expect(alias.targets.map(\.model) == ["first/new-0", "first/a"])
                    #expect(alias.history.first?.reason == "the new one is better")
                    let rolled = try await gateway.registry.rollbackAlias(.with { $0.alias = "all" })
                    #expect(rolled.alias.targets.map(\.model) == ["first/a"] && rolled.previousModel == "first/new-0")
                    let restored = try await gateway.events(.stateRestored)
                    #expect(restored.last?.attributes["models"] != nil, "\(restored)")
                }
            }
        }

        @Test func `An etag that is not the current one is ABORTED, and nothing changes`() async throws {
            try await RunningServer.with(Self.configuration) { server in
                try await server.withClient { gateway in
                    let error = try await #require(throws: RPCError.self) {
                        try await gateway.registry.updateAlias(
                            .with {
                                $0.alias.name = "all"
                                $0.alias.etag = "4711"
                                $0.alias.targets = [.with { $0.model = "first/b" }]
                            })
                    }
                    #expect(error.code == .aborted)
                    let info = try error.errorInfo()
                    #expect(info.reason == "ETAG_MISMATCH")
                    let alias = try await gateway.registry.getAlias(.with { $0.alias = "all" }).alias
                    #expect(alias.targets.map(\.model) == ["first/a"])
                }
            }
        }

        @Test func `A filter with an error names the position`() async throws {
            try await RunningServer.with(Self.configuration) { server in
                try await server.withClient { gateway in
                    for filter in [
                        "provider = ", "provider = \"first", "colour = red", "(enabled = true", "price_input < x",
                    ] {
                        let error = try await #require(throws: RPCError.self) {
                            try await gateway.registry.listModels(.with { $0.filter = filter })
                        }
                        #expect(error.code == .invalidArgument, "\(filter)")
                        #expect(error.message.contains("filter"), "\(error.message)")
                        #expect(error.message.contains { $0.isNumber }, "\(filter): \(error.message)")
                    }
                    let found = try await gateway.registry.listModels(
                        .with { $0.filter = "provider = \"first\" AND capabilities:chat AND loaded = false" })
                    #expect(found.models.map(\.id) == ["first/a", "first/b"] && found.totalSize == 2)
                }
            }
        }

        /// A file that is wrong in one way.
        enum BadFile: String, CaseIterable, Sendable {
            case truncated, notGGUF, unsupportedArchitecture, missing, otherChecksum, slashInName

            var reasons: Set<String> {
                switch self {
                case .truncated: ["TRUNCATED", "GGUF_TRUNCATED"]
                case .notGGUF: ["NOT_GGUF"]
                case .unsupportedArchitecture: ["UNSUPPORTED_ARCHITECTURE"]
                case .missing: ["SOURCE_NOT_FOUND", "SOURCE_UNREADABLE"]
                case .otherChecksum: ["CHECKSUM_MISMATCH"]
                case .slashInName: ["INVALID_REQUEST"]
                }
            }
        }

        @Test(arguments: BadFile.allCases)
        func `A bad file is refused with its reason, and nothing is registered`(bad: BadFile) async throws {
            let directory = try TemporaryDirectory()
            let path = directory.path + "/\(bad).gguf"
            var bytes = try Self.tiny()
            switch bad {
            case .truncated: bytes.removeLast(bytes.count / 2)
            case .notGGUF: bytes = Array("PK\u{3}\u{4} this is no model".utf8)
            case .unsupportedArchitecture:
                let key = Array("general.architecture".utf8)
                let at = try #require(bytes.firstRange(of: key))
                // Behind the key: the type and the length of the text.
                bytes.replaceSubrange(at.upperBound + 12..<at.upperBound + 17, with: Array("zzzzz".utf8))
            case .missing, .otherChecksum, .slashInName: break
            }
            if bad != .missing { try Data(bytes).write(to: URL(filePath: path)) }
            try await RunningServer.with("", in: directory) { server in
                try await server.withClient { gateway in
                    let before = try await gateway.registry.listModels(.init()).models.map(\.id)
                    let error = try await #require(throws: RPCError.self) {
                        try await gateway.install {
                            $0.name = bad == .slashInName ? "a/b/c" : "new"
                            $0.path = path
                            if bad == .otherChecksum { $0.sha256 = String(repeating: "0", count: 64) }
                        }
                    }
                    #expect([.invalidArgument, .failedPrecondition, .notFound].contains(error.code), "\(error)")
                    let info = try error.errorInfo()
                    #expect(bad.reasons.contains(info.reason), "\(info.reason): \(error.message)")
                    let after = try await gateway.registry.listModels(.init()).models.map(\.id)
                    #expect(after == before)
                }
            }
        }

        @Test func `An installed model answers, survives a restart, and is uninstalled`() async throws {
            try await Program.installEngine()
            let directory = try TemporaryDirectory()
            let path = directory.path + "/mine.gguf"
            try Data(try Self.tiny()).write(to: URL(filePath: path))
            try await RunningServer.with("", in: directory) { server in
                try await server.withClient { gateway in
                    let messages = try await gateway.install {
                        $0.name = "mine"
                        $0.path = path
                        $0.lazy = true
                    }
                    let last = try #require(messages.last)
                    #expect(last.phase == .completed && last.model.id == "local/mine" && last.version.count == 12)
                    #expect(last.model.contextLength == 1024 && last.model.source == .api)
                }
            }
            try FileManager.default.removeItem(atPath: path)
            try await RunningServer.with("", in: directory) { server in
                try await server.withClient { gateway in
                    let answer = try await gateway.generation.generate(.asking("What is 2 plus 2?", "local/mine"))
                    #expect(answer.model == "local/mine" && !answer.text.isEmpty)
                    let removed = try await gateway.registry.uninstallModel(.with { $0.model = "local/mine" })
                    #expect(removed.deletedPaths.count == 1 && removed.freedBytes > 1 << 20)
                    #expect(!FileManager.default.fileExists(atPath: removed.deletedPaths.first ?? "/"))
                    let error = try await #require(throws: RPCError.self) { try await gateway.model("local/mine") }
                    #expect(error.code == .notFound)
                }
            }
        }

        /// The bytes of a bundled model.
        private static func tiny() throws -> [UInt8] {
            let folder = Program.path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
                .joined(separator: "/")
            let data = try Data(
                contentsOf: URL(filePath: "\(folder)/roundhouse_LocalEngines.resources/tiny-q8_0.gguf"))
            return Array(data)
        }
    }
}
