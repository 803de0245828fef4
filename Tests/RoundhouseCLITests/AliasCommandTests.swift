import ArgumentParser
import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import RoundhouseCLI

@Suite(.timeLimit(.minutes(1)))
struct AliasCommandTests {
    private static let alias = Roundhouse_V1_Alias.with {
        $0.name = "default"
        $0.targets = [
            .with { $0.model = "local/small" },
            .with { $0.model = "openai/gpt" },
        ]
        $0.mode = .ordered
        $0.activeModel = "local/small"
        $0.etag = "e2"
        $0.history = [
            .with {
                $0.etag = "e1"
                $0.targets = [.with { $0.model = "local/tiny" }]
                $0.mode = .ordered
                $0.reason = "too small"
            }
        ]
    }

    private let server = ScriptedServer(scripts: [
        .answer(
            Roundhouse_V1_ListAliasesRequest.self,
            with: Roundhouse_V1_ListAliasesResponse.with { $0.aliases = [Self.alias] }
        ),
        .answer(
            Roundhouse_V1_GetAliasRequest.self,
            with: Roundhouse_V1_GetAliasResponse.with { $0.alias = Self.alias }
        ),
        .answer { (request: Roundhouse_V1_UpdateAliasRequest) in
            Roundhouse_V1_UpdateAliasResponse.with {
                $0.alias = request.alias
                $0.alias.etag = "e3"
            }
        },
        .answer(Roundhouse_V1_DeleteAliasRequest.self, with: Roundhouse_V1_DeleteAliasResponse()),
        .answer(
            Roundhouse_V1_SwitchModelRequest.self,
            with: Roundhouse_V1_SwitchModelResponse.with {
                $0.alias = Self.alias
                $0.previousModel = "local/tiny"
                $0.strategy = .drainFirst
                $0.plan = .with {
                    $0.model = "local/small"
                    $0.feasible = true
                }
                $0.loadDuration = .with { $0.nanos = 850_000_000 }
                $0.flipDuration = .with { $0.nanos = 1_000_000 }
            }
        ),
        .answer(
            Roundhouse_V1_RollbackAliasRequest.self,
            with: Roundhouse_V1_RollbackAliasResponse.with {
                $0.alias = Self.alias
                $0.previousModel = "local/tiny"
            }
        ),
    ])

    @Test("aliases are listed and shown with their history")
    func queries() async throws {
        let list = RecordingConsole()
        #expect(try await self.server.run(["aliases"], console: list) == .success)
        #expect(
            list.transcript.output == """
                ALIAS    ACTIVE MODEL  MODE     TARGETS                       CHANGED  ETAG
                default  local/small   ordered  local/small, then openai/gpt  -        e2

                """
        )
        let show = RecordingConsole()
        #expect(try await self.server.run(["aliases", "show", "default"], console: show) == .success)
        #expect(
            show.transcript.output == """
                  alias         default
                  active model  local/small
                  targets       local/small, then openai/gpt
                  mode          ordered
                  etag          e2

                REVISION  REPLACED  TARGETS     REASON
                e1        -         local/tiny  too small

                """
        )
    }

    @Test("set sends targets, weights and the etag; without one it may make the alias")
    func set() async throws {
        let console = RecordingConsole()
        for arguments in [
            ["a/b", "c/d"], ["a/b=9", "c/d", "--reason", "canary"], ["a/b", "--weighted", "--etag", "e2"],
            ["a/b=0", "--dry-run"],
        ] {
            #expect(try await self.server.run(["aliases", "set", "default"] + arguments, console: console) == .success)
        }
        #expect(
            console.transcript.output == """
                default leads to a/b, then c/d (etag e3)
                default leads to a/b 9, c/d 1 (etag e3)
                default leads to a/b 1 (etag e3)
                default can lead to a/b 0

                """
        )
        let asked = self.server.requests(Roundhouse_V1_UpdateAliasRequest.self)
        #expect(asked.map(\.alias.mode) == [.ordered, .weighted, .weighted, .weighted])
        #expect(asked.map { $0.alias.targets.map(\.weight) } == [[0, 0], [9, 1], [1], [0]])
        #expect(asked.map(\.allowMissing) == [true, true, false, true])
        #expect(asked.map(\.alias.etag) == ["", "", "e2", ""])
        #expect(asked.map(\.reason) == ["", "canary", "", ""])
        #expect(asked.map(\.validateOnly) == [false, false, false, true])
    }

    @Test(
        "targets that cannot be meant are refused", arguments: ["a/b=x", "a/b=", "a/b=1001", "a/b=-1", "=1", "a=1=2"])
    func badTargets(target: String) {
        let error = #expect(throws: (any Error).self) {
            try RoundhouseCommand.parseAsRoot(["aliases", "set", "default", target])
        }
        guard let error else { return }
        #expect(RoundhouseCommand.exitCode(for: error).rawValue == ExitStatus.usage.rawValue)
    }

    @Test("switch sends what it should heed and says what it took")
    func switching() async throws {
        let console = RecordingConsole()
        let arguments = [
            "models", "switch", "default", "local/small", "--reason", "better", "--etag", "e1", "--keep-loaded",
        ]
        #expect(try await self.server.run(arguments, console: console) == .success)
        #expect(
            console.transcript.output
                == "default leads to local/small now, before to local/tiny; "
                + "loaded in 850 ms, flipped in 1 ms, the old model was drained first, etag e2\n"
        )
        let plan = RecordingConsole()
        #expect(
            try await self.server.run(["models", "switch", "default", "local/small", "--dry-run"], console: plan)
                == .success
        )
        #expect(
            plan.transcript.output == """
                default can be switched to local/small: both do not fit, so local/tiny is drained first and new requests \
                wait meanwhile

                local/small can be loaded

                """
        )
        #expect(
            self.server.requests(Roundhouse_V1_SwitchModelRequest.self) == [
                .with {
                    $0.alias = "default"
                    $0.model = "local/small"
                    $0.reason = "better"
                    $0.etag = "e1"
                    $0.keepPreviousLoaded = true
                },
                .with {
                    $0.alias = "default"
                    $0.model = "local/small"
                    $0.validateOnly = true
                },
            ]
        )
    }

    @Test("on a terminal a switch says what is waited for, and takes it away again")
    func waiting() async throws {
        let console = RecordingConsole(traits: .init(isTerminal: true, columns: 80, isStyled: false))
        #expect(
            try await self.server.run(["models", "switch", "default", "local/small"], console: console) == .success)
        #expect(console.transcript.errors == "\r\u{1B}[Kswitching default to local/small\r\u{1B}[K")
        let failing = RecordingConsole(traits: .init(isTerminal: true, columns: 80, isStyled: false))
        _ = try await ScriptedServer().run(["models", "switch", "default", "local/small"], console: failing)
        #expect(failing.transcript.errors.contains("local/small\r\u{1B}[Kroundhouse: "))
    }

    @Test("rollback and delete")
    func rollback() async throws {
        let console = RecordingConsole()
        let arguments = ["models", "rollback", "default", "--revision", "e1", "--reason", "worse", "--etag", "e2"]
        #expect(try await self.server.run(arguments, console: console) == .success)
        #expect(
            try await self.server.run(["aliases", "delete", "default", "--etag", "e2"], console: console) == .success)
        #expect(
            console.transcript.output == """
                default leads to local/small, then openai/gpt again, before to local/tiny (etag e2)
                default is forgotten

                """
        )
        #expect(
            self.server.requests(Roundhouse_V1_RollbackAliasRequest.self) == [
                .with {
                    $0.alias = "default"
                    $0.revision = "e1"
                    $0.reason = "worse"
                    $0.etag = "e2"
                }
            ]
        )
        #expect(self.server.requests(Roundhouse_V1_DeleteAliasRequest.self).map(\.etag) == ["e2"])
    }

    @Test("with --json each answer is one line of the API's JSON")
    func json() async throws {
        for arguments in [
            ["aliases", "list"], ["aliases", "show", "default"], ["aliases", "set", "default", "a/b"],
            ["aliases", "delete", "default"], ["models", "switch", "default", "local/small"],
            ["models", "rollback", "default"],
        ] {
            let console = RecordingConsole()
            #expect(try await self.server.run(arguments + ["--json"], console: console) == .success)
            #expect(console.transcript.output.hasPrefix("{") && console.transcript.output.hasSuffix("}\n"))
            #expect(console.transcript.output.filter { $0 == "\n" }.count == 1)
            #expect(console.transcript.errors.isEmpty)
        }
    }
}
