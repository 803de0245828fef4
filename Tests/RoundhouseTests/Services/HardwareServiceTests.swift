import GRPCCore
import Inference
import ModelLifecycle
import ModelRegistry
import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import Roundhouse

@Suite("HealthService: hardware")
struct HardwareServiceTests {
    private static let gib: Int64 = 1 << 30

    private static let reading = HardwareReading(
        processor: ProcessorReading(
            name: "CPU", architecture: "x86_64", logicalCores: 8, physicalCores: 4, features: ["avx2", "amx_tile"],
            bandwidthBytesPerSecond: 20 * gib),
        memory: MemoryReading(device: .cpu, totalBytes: 16 * gib, freeBytes: 10 * gib),
        gpus: [GPUReading(device: .cuda(2), name: "GPU", totalBytes: 8 * gib, freeBytes: 7 * gib)],
        driverVersion: "570.1",
        disks: [DiskReading(path: "/models", totalBytes: 100, availableBytes: 60)]
    )

    private static let memory = DeviceMemory(
        device: .cpu, totalBytes: 16 * gib, freeBytes: 10 * gib, quotaBytes: 12 * gib, predictedBytes: 1,
        actualBytes: 20,
        releasingBytes: 300)

    private func prepare(_ bench: ServiceBench) {
        bench.scripts.edit { $0.hardware = Self.reading }
        bench.loading.set(devices: [Self.memory])
    }

    @Test("The machine is told as it was read, and memories as models are counted in them")
    func machine() async throws {
        try await ServiceBench.with { bench in
            prepare(bench)
            let answer = try await bench.health.getHardware(.init())
            #expect(answer.processor.name == "CPU" && answer.processor.architecture == "x86_64")
            #expect(answer.processor.logicalCores == 8 && answer.processor.physicalCores == 4)
            #expect(answer.processor.features == ["avx2", "amx_tile"])
            #expect(answer.processor.memoryBandwidthBytesPerSecond == 20 * Self.gib)
            #expect(answer.memory.totalBytes == 16 * Self.gib && answer.memory.availableBytes == 10 * Self.gib)
            #expect(answer.memory.budgetBytes == 12 * Self.gib && answer.memory.usedByModelsBytes == 321)
            let gpu = try #require(answer.gpus.first)
            #expect(gpu.index == 2 && gpu.name == "GPU" && gpu.driverVersion == "570.1")
            #expect(gpu.memory.availableBytes == 7 * Self.gib && gpu.memory.budgetBytes == 0)
            #expect(answer.disks.map(\.path) == ["/models"] && answer.disks[0].availableBytes == 60)
        }
    }

    @Test("Models that can be loaded are judged, the best fitting first; cloud models are none of them")
    func models() async throws {
        try await ServiceBench.with { bench in
            prepare(bench)
            let id = try modelID("local/b")
            bench.loading.set(
                plan: LoadPlan(
                    key: InstanceKey(model: id), isFeasible: true,
                    estimate: MemoryEstimate(weightBytes: 2 * Self.gib), devices: [Self.memory]))
            _ = try await bench.editor.updateModel(id, etag: nil, validateOnly: false) {
                $0.profile = ModelProfile()
                $0.profile?.tokensPerSecond = 150
            }
            let answer = try await bench.health.getHardware(.init())
            #expect(answer.models.map(\.model) == ["local/b", "local/a"])
            let (best, other) = (answer.models[0], answer.models[1])
            #expect(best.fit == .well && best.requiredBytes == 2 * Self.gib && best.device == "cpu")
            #expect(best.tokensPerSecond == 150 && best.measured && best.speed == .veryFast)
            #expect(other.fit == .well && !other.measured && other.speed == .reading)
            #expect(abs(other.tokensPerSecond - 7) < 0.02, "70 % of 20 GiB, 2 GiB a token")
            #expect(best.reason.hasPrefix("it takes 2.0 GiB of main memory"))
            let one = try await bench.health.getHardware(.with { $0.models = ["local/a", "default"] })
            #expect(one.models.map(\.model) == ["local/a"], "an alias stands for its model, once")
        }
    }

    @Test("What a provider that loads models lists is judged by its size, if it runs here")
    func listed() async throws {
        try await ServiceBench.with { bench in
            prepare(bench)
            for (name, address) in [("ollama", "http://127.0.0.1:11434"), ("away", "https://ollama.example")] {
                _ = try await bench.editor.createProvider(
                    ProviderDescription(id: try #require(ProviderID(name)), kind: "ollama", baseURL: address),
                    validateOnly: false)
            }
            func lister(_ names: String...) -> ScriptedLister {
                let models = names.map { name in
                    var model = ListedModel(name: name)
                    model.sizeBytes = 4 * Self.gib
                    return model
                }
                return ScriptedLister(.success(ModelListing(models: models)))
            }
            let own = ListedModel(name: "found")
            var file = ListedModel(name: "a-2")
            file.path = "/models/a-2.gguf"
            bench.scripts.edit {
                $0.listers[.init("ollama") ?? .local] = lister("llama", "qwen")
                $0.listers[.init("away") ?? .local] = lister("llama")
                $0.listers[.local] = ScriptedLister(.success(ModelListing(models: [own, file])))
            }
            let all = try await bench.health.getHardware(.init()).models
            let fits = Dictionary(uniqueKeysWithValues: all.map { ($0.model, $0) })
            #expect(
                fits.keys.sorted() == [
                    "away/llama", "local/a", "local/b", "local/found", "ollama/llama", "ollama/qwen",
                ], "a file that is registered under a name is not told twice")
            #expect(fits["ollama/qwen"]?.fit == .well && fits["ollama/qwen"]?.device == "cuda:2")
            #expect(fits["away/llama"]?.fit == .unspecified)
            #expect(fits["local/found"]?.reason == "its size is not known")
            let one = try await bench.health.getHardware(.with { $0.models = ["ollama/qwen"] })
            #expect(one.models.map(\.model) == ["ollama/qwen"])
            bench.scripts.edit { $0.listers[.local] = ScriptedLister(.failure(UpstreamFault(.serverError, "no"))) }
            #expect(try await bench.health.getHardware(.init()).models.count == 5, "one that fails keeps no other")
        }
    }

    @Test("A name of no model, or of one that nobody loads, is refused by its field")
    func refuses() async throws {
        try await ServiceBench.with { bench in
            prepare(bench)
            for (name, code) in [
                ("local/nobody", RPCError.Code.notFound), ("cloud/x", .failedPrecondition), ("", .invalidArgument),
            ] {
                let refusal = try await refusal {
                    try await bench.health.getHardware(.with { $0.models = ["local/a", name] })
                }
                #expect(refusal.code == code)
                if code == .invalidArgument { #expect(refusal.fields == ["models[1]"]) }
            }
        }
    }

    @Test("A model that cannot be planned for is judged by the size of its file")
    func guesses() async throws {
        try await ServiceBench.with { bench in
            prepare(bench)
            bench.loading.fail(with: .shuttingDown)
            let answer = try await bench.health.getHardware(.with { $0.models = ["local/a"] })
            #expect(answer.models.map(\.fit) == [.well])
            #expect(answer.models.first?.reason.hasSuffix("(guessed from the size of its file)") == true)
        }
    }
}
