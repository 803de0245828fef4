import GRPCCore
import Inference
import ModelRegistry
import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import Roundhouse

@Suite("RegistryService: discovery and detection")
struct DiscoveryServiceTests {
    private func listing(_ names: String...) -> ModelListing {
        ModelListing(models: names.map { ListedModel(name: $0) }, skipped: ["broken.gguf: it is empty"])
    }

    @Test(
        "Every provider that can be asked is asked; one that is down does not hide the others",
        arguments: [false, true])
    func discovers(validateOnly: Bool) async throws {
        try await ServiceBench.with { bench in
            let (cloud, empty) = (try #require(ProviderID("cloud")), try #require(ProviderID("empty")))
            bench.scripts.edit {
                $0.listers[cloud] = ScriptedLister(.success(listing("x", "y")))
                $0.listers[empty] = ScriptedLister(.failure(UpstreamFault(.unreachable, "refused")))
            }
            let answer = try await bench.registry.discoverModels(.with { $0.validateOnly = validateOnly })
            #expect(answer.providers.map(\.provider) == ["cloud", "empty"])
            #expect(answer.providers[0].added == ["cloud/y"] && answer.providers[0].error.isEmpty)
            #expect(answer.providers[0].skipped == ["broken.gguf: it is empty"])
            #expect(answer.providers[1].error == "unreachable: refused" && answer.providers[1].added.isEmpty)
            let id = try modelID("cloud/y")
            #expect((bench.base.snapshot.listedModel(id) == nil) == validateOnly)
        }
    }

    @Test("Named providers are asked alone, in that order, each once")
    func asksNamed() async throws {
        try await ServiceBench.with { bench in
            let cloud = try #require(ProviderID("cloud"))
            bench.scripts.edit { $0.listers[cloud] = ScriptedLister(.success(listing("x"))) }
            let answer = try await bench.registry.discoverModels(
                .with { $0.providers = ["local", "cloud", "local"] })
            #expect(answer.providers.map(\.provider) == ["local", "cloud"])
            #expect(!answer.providers[0].error.isEmpty)
            let unknown = try await refusal {
                try await bench.registry.discoverModels(.with { $0.providers = ["cloud", "nobody"] })
            }
            #expect(unknown.code == .notFound && unknown.reason == "PROVIDER_NOT_FOUND")
            let invalid = try await refusal {
                try await bench.registry.discoverModels(.with { $0.providers = ["cloud", "No Body"] })
            }
            #expect(invalid.fields == ["providers[1]"])
        }
    }

    @Test("What is found out is told, and written when that is asked for", arguments: [false, true])
    func detects(update: Bool) async throws {
        try await ServiceBench.with { bench in
            let found = DetectedCapabilities(
                capabilities: [
                    .init(capability: .tools, isSupported: true, evidence: "the chat template mentions tools"),
                    .init(capability: .chat, isSupported: false, evidence: "it has no chat template"),
                ],
                contextLength: 2048, architecture: "llama", hasChatTemplate: false)
            bench.scripts.edit { $0.detected = .success(found) }
            let answer = try await bench.registry.detectCapabilities(
                .with {
                    $0.model = "local/a"
                    $0.probe = true
                    $0.update = update
                })
            #expect(answer.capabilities.map(\.capability) == [.tools, .chat])
            #expect(answer.capabilities.map(\.supported) == [true, false])
            #expect(answer.capabilities[0].evidence == "the chat template mentions tools")
            #expect(answer.contextLength == 2048 && answer.architecture == "llama" && !answer.hasChatTemplate_p)
            #expect(bench.scripts.now.probes == [true])
            let expected: Set<Capability> = update ? [.tools, .streaming] : [.chat, .streaming]
            #expect(try bench.registered("local/a").capabilities == expected)
            #expect(Set(answer.model.capabilities.compactMap(Capability.init)) == expected)
            #expect(answer.model.contextLength == (update ? 2048 : 0))
        }
    }

    @Test("A model that cannot be looked at says why")
    func refusesDetection() async throws {
        try await ServiceBench.with { bench in
            bench.scripts.edit {
                $0.detected = .failure(UpstreamFault(.rateLimited(retryAfter: .seconds(9)), "slow down"))
            }
            let limited = try await refusal {
                try await bench.registry.detectCapabilities(.with { $0.model = "cloud/x" })
            }
            #expect(limited.code == .resourceExhausted && limited.reason == "UPSTREAM_RATE_LIMITED")
            #expect(limited.retryDelay == .seconds(9) && limited.pushback == "9000")
            let unknown = try await refusal {
                try await bench.registry.detectCapabilities(.with { $0.model = "cloud/zzz" })
            }
            #expect(unknown.reason == "MODEL_NOT_FOUND")
        }
    }
}
