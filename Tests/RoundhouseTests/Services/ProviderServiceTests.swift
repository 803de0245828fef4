import GRPCCore
import Inference
import ModelRegistry
import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import Roundhouse

@Suite("RegistryService: providers")
struct ProviderServiceTests {
    @Test("Providers are listed by name, page by page, and found")
    func lists() async throws {
        try await ServiceBench.with { bench in
            let first = try await bench.registry.listProviders(.with { $0.pageSize = 3 })
            #expect(first.providers.map(\.id) == ["cloud", "conf", "empty"])
            #expect(first.providers.map(\.modelCount) == [1, 1, 0])
            let second = try await bench.registry.listProviders(.with { $0.pageToken = first.nextPageToken })
            #expect(second.providers.map(\.id) == ["local"] && second.nextPageToken.isEmpty)
            let one = try await bench.registry.getProvider(.with { $0.provider = "cloud" }).provider
            #expect(one.kind == "openai" && one.enabled && one.source == .api && one.etag == "1" && one.priority == 40)
            for (name, code) in [
                ("nobody", RPCError.Code.notFound), ("No Body", .invalidArgument), ("", .invalidArgument),
            ] {
                let refusal = try await refusal { try await bench.registry.getProvider(.with { $0.provider = name }) }
                #expect(refusal.code == code)
                #expect(refusal.resource == (code == .notFound ? "roundhouse.v1.Provider" : nil))
            }
        }
    }

    @Test("A provider is made with its kind's address, and its key is only pointed at", arguments: [false, true])
    func creates(validateOnly: Bool) async throws {
        try await ServiceBench.with { bench in
            let created = try await bench.registry.createProvider(
                .with {
                    $0.provider.id = "mine"
                    $0.provider.kind = "openai"
                    $0.provider.apiKeyEnvironment = "MY_KEY"
                    $0.validateOnly = validateOnly
                }
            ).provider
            #expect(created.baseURL == "https://api.openai.com/v1")
            #expect(created.hasCredentials_p && created.apiKeyEnvironment == "MY_KEY" && created.apiKeyFile.isEmpty)
            #expect(created.enabled && created.priority == 100 && created.acceptsAnyModel && created.source == .api)
            let id = try #require(ProviderID("mine"))
            #expect((bench.base.snapshot.provider(id) == nil) == validateOnly)
        }
    }

    typealias BadProvider = (fields: [String], edit: @Sendable (inout Roundhouse_V1_Provider) -> Void)

    static let badProviders: [BadProvider] = [
        (["provider.id"], { $0.id = "" }),
        (["provider.kind"], { $0.kind = "" }),
        (["provider.base_url"], { $0.baseURL = "" }),
        (
            ["provider.base_url", "provider.priority"],
            {
                $0.baseURL = "ftp://x"
                $0.priority = -1
            }
        ),
        (["provider.base_url"], { $0.baseURL = "http://example.com/v1" }),
        (["provider.base_url"], { $0.baseURL = "https://user:sk-secret@example.com/v1" }),
        (["provider.api_key_environment"], { $0.apiKeyEnvironment = "sk-secret-4711" }),
        (
            ["provider.api_key_file"],
            {
                $0.apiKeyEnvironment = "KEY"
                $0.apiKeyFile = "/key"
            }
        ),
        (["provider.api_key_file"], { $0.apiKeyFile = "sk-secret-4711" }),
    ]

    @Test("What cannot be made names its fields, and repeats no secret", arguments: badProviders.indices)
    func refusesToCreate(index: Int) async throws {
        let (fields, edit) = Self.badProviders[index]
        try await ServiceBench.with { bench in
            let refusal = try await refusal {
                try await bench.registry.createProvider(
                    .with {
                        $0.provider.id = "a"
                        $0.provider.kind = "custom"
                        $0.provider.baseURL = "https://example.com/v1"
                        edit(&$0.provider)
                    })
            }
            #expect(refusal.code == .invalidArgument)
            #expect(refusal.fields == fields)
            #expect(!refusal.message.contains("sk-secret"))
            #expect(bench.storage.changes.isEmpty)
        }
    }

    @Test("A provider that no adapter could work with is not registered; one whose name is taken neither")
    func refusesUnusable() async throws {
        try await ServiceBench.with { bench in
            bench.scripts.edit {
                $0.providerProblems = [FieldProblem("api_key_environment", found: "NO_KEY", expected: "a variable")]
            }
            let refusal1 = try await refusal {
                try await bench.registry.createProvider(
                    .with {
                        $0.provider.id = "mine"
                        $0.provider.kind = "ollama"
                    })
            }
            #expect(refusal1.fields == ["provider.api_key_environment"])
            bench.scripts.edit { $0.providerProblems = [] }
            let refusal2 = try await refusal {
                try await bench.registry.createProvider(
                    .with {
                        $0.provider.id = "cloud"
                        $0.provider.kind = "ollama"
                    })
            }
            #expect(refusal2.code == .alreadyExists && refusal2.reason == "ALREADY_EXISTS")
        }
    }

    @Test("The table of fields is complete, and each round-trips by its mask")
    func table() throws {
        let files = try Google_Protobuf_FileDescriptorSet(serializedBytes: DescriptorSet.serializedBytes).file
        let file = try #require(files.first { $0.name == "roundhouse/v1/registry.proto" })
        let message = try #require(file.messageType.first { $0.name == "Provider" })
        let output = [
            "id", "kind", "has_credentials", "model_count", "source", "create_time", "update_time", "etag",
            "accepts_any_model",
        ]
        let settable = ProviderReader.table.fields.map(\.path)
        #expect(message.field.map(\.name).sorted() == (settable + output).sorted())
        for path in output {
            #expect(throws: ServiceError.self) {
                try ProviderReader.table.changes(by: .init(), mask: .with { $0.paths = [path] })
            }
        }
    }

    @Test("An update changes what its mask names")
    func updates() async throws {
        try await ServiceBench.with { bench in
            let request = Roundhouse_V1_UpdateProviderRequest.with {
                $0.provider.id = "cloud"
                $0.provider.etag = "1"
                $0.provider.baseURL = "https://other.example.com/v1/"
                $0.provider.apiKeyFile = "/run/key"
                $0.provider.priority = 3
                $0.provider.allowInsecure = true
            }
            let changed = try await bench.registry.updateProvider(request).provider
            #expect(changed.baseURL == "https://other.example.com/v1")
            #expect(changed.apiKeyFile == "/run/key" && changed.hasCredentials_p)
            #expect(changed.priority == 3 && changed.allowInsecure && changed.enabled && changed.etag == "2")
            let off = try await bench.registry.updateProvider(
                .with {
                    $0.provider.id = "cloud"
                    $0.updateMask.paths = ["enabled", "api_key_file", "priority"]
                }
            ).provider
            #expect(!off.enabled && off.apiKeyFile.isEmpty && !off.hasCredentials_p && off.priority == 100)
            let stale = try await refusal { try await bench.registry.updateProvider(request) }
            #expect(stale.code == .aborted && stale.reason == "ETAG_MISMATCH" && stale.metadata["current"] == "3")
            let kind = try await refusal {
                try await bench.registry.updateProvider(
                    .with {
                        $0.provider.id = "cloud"
                        $0.updateMask.paths = ["kind"]
                    })
            }
            #expect(kind.fields == ["update_mask"])
        }
    }

    @Test(
        "Only a provider of the API without models is deleted",
        arguments: [
            ("cloud", RPCError.Code.failedPrecondition, "PROVIDER_IN_USE"),
            ("conf", .failedPrecondition, "CONFIG_OWNED"), ("nobody", .notFound, "PROVIDER_NOT_FOUND"),
        ])
    func deletes(name: String, code: RPCError.Code, reason: String) async throws {
        try await ServiceBench.with { bench in
            let refusal = try await refusal { try await bench.registry.deleteProvider(.with { $0.provider = name }) }
            #expect(refusal.code == code && refusal.reason == reason)
            _ = try await bench.registry.deleteProvider(.with { $0.provider = "empty" })
            #expect(bench.base.snapshot.providers.map(\.id.rawValue) == ["cloud", "conf", "local"])
        }
    }
}
