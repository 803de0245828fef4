import ArgumentParser
import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import RoundhouseCLI

@Suite(.timeLimit(.minutes(1)))
struct ProviderCommandTests {
    private let server = ScriptedServer(scripts: [
        .answer { (request: Roundhouse_V1_GetProviderRequest) in
            Roundhouse_V1_GetProviderResponse.with {
                $0.provider = .with {
                    $0.id = request.provider
                    $0.kind = "custom"
                    $0.baseURL = "https://llm.example/v1"
                    $0.hasCredentials_p = true
                    $0.apiKeyEnvironment = "LLM_KEY"
                    $0.acceptsAnyModel = true
                    $0.priority = 0
                    $0.source = .api
                    $0.etag = "e1"
                }
            }
        },
        .answer { (request: Roundhouse_V1_CreateProviderRequest) in
            Roundhouse_V1_CreateProviderResponse.with {
                $0.provider = request.provider
                $0.provider.etag = "e1"
            }
        },
        .answer { (request: Roundhouse_V1_UpdateProviderRequest) in
            Roundhouse_V1_UpdateProviderResponse.with {
                $0.provider = request.provider
                $0.provider.etag = "e2"
            }
        },
        .answer(Roundhouse_V1_DeleteProviderRequest.self, with: Roundhouse_V1_DeleteProviderResponse()),
    ])

    @Test("a provider is shown, its key only by its place")
    func show() async throws {
        let console = RecordingConsole()
        #expect(try await self.server.run(["providers", "show", "mine"], console: console) == .success)
        #expect(
            console.transcript.output == """
                  id           mine
                  kind         custom
                  address      https://llm.example/v1
                  state        disabled
                  models       any name is passed on
                  credentials  there, from the server's variable LLM_KEY
                  priority     0
                  source       registered by a call
                  etag         e1

                """
        )
    }

    @Test("create sends an enabled provider, update the mask, delete the etag")
    func changes() async throws {
        let console = RecordingConsole()
        for arguments in [
            [
                "create", "mine", "--kind", "custom", "--base-url", "http://x", "--api-key-environment", "K", "--set",
                "allow_insecure=true",
            ],
            ["create", "other", "--kind", "openai", "--api-key-file", "/k", "--dry-run"],
            ["update", "mine", "--set", "enabled=false", "--set", "priority=", "--etag", "e1"],
            ["delete", "mine", "--etag", "e2"],
        ] {
            #expect(try await self.server.run(["providers"] + arguments, console: console) == .success)
        }
        #expect(
            console.transcript.output == """
                mine is registered (etag e1)
                other can be registered
                mine was changed (etag e2)
                mine is forgotten

                """
        )
        #expect(
            self.server.requests(Roundhouse_V1_CreateProviderRequest.self) == [
                .with {
                    $0.provider.id = "mine"
                    $0.provider.kind = "custom"
                    $0.provider.baseURL = "http://x"
                    $0.provider.apiKeyEnvironment = "K"
                    $0.provider.allowInsecure = true
                    $0.provider.enabled = true
                },
                .with {
                    $0.provider.id = "other"
                    $0.provider.kind = "openai"
                    $0.provider.apiKeyFile = "/k"
                    $0.provider.enabled = true
                    $0.validateOnly = true
                },
            ]
        )
        #expect(
            self.server.requests(Roundhouse_V1_UpdateProviderRequest.self) == [
                .with {
                    $0.provider.id = "mine"
                    $0.provider.etag = "e1"
                    $0.updateMask.paths = ["enabled", "priority"]
                }
            ]
        )
        #expect(self.server.requests(Roundhouse_V1_DeleteProviderRequest.self).map(\.etag) == ["e2"])
    }

    @Test("a key on the command line is refused: there is no option that takes one")
    func noKeys() {
        #expect(throws: (any Error).self) {
            try RoundhouseCommand.parseAsRoot(["providers", "create", "x", "--kind", "openai", "--api-key", "sk-1"])
        }
    }
}
