import Inference
import Testing

@testable import ModelLifecycle

private let gib: Int64 = 1 << 30

@Suite("Model fitness")
struct ModelFitnessTests {
    private let key = InstanceKey(model: ModelID.local("m"))

    /// 16 GiB, of which models may take 12.
    private func main(free: Int64 = 14, used: Int64 = 0) -> DeviceMemory {
        DeviceMemory(
            device: .cpu, totalBytes: 16 * gib, freeBytes: free * gib, quotaBytes: 12 * gib, predictedBytes: 0,
            actualBytes: used * gib)
    }

    private func plan(
        _ devices: [MemoryDevice: Int64],
        on memories: [DeviceMemory],
        edit: (inout LoadPlan) -> Void = { _ in }
    ) -> LoadPlan {
        let estimate = MemoryEstimate(
            weightBytes: devices.values.reduce(0, +) * gib, devices: devices.mapValues { $0 * gib })
        var plan = LoadPlan(key: self.key, isFeasible: true, estimate: estimate, devices: memories)
        edit(&plan)
        return plan
    }

    private func judge(
        _ plan: LoadPlan?, size: Int64 = 0, place: ModelFitness.Subject.Place = .ours, devices: [DeviceMemory] = []
    ) -> ModelFitness {
        ModelFitness(of: .init(plan: plan, sizeBytes: size, place: place), devices: devices, bandwidths: [:])
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var needs: Int64
        var free: Int64 = 14
        var used: Int64 = 0
        var fit: ModelFitness.Fit
        var reason: String
    }

    @Test(
        "what a model takes is held against what models may take and what others leave",
        arguments: [
            Case(
                testDescription: "room to spare", needs: 4, fit: .well,
                reason: "it takes 4.0 GiB of main memory; 12.0 GiB of the 12.0 GiB that models may take are free"),
            Case(
                testDescription: "just", needs: 11, fit: .barely,
                reason: "it takes 11.0 GiB of main memory; only 12.0 GiB of the 12.0 GiB that models may take are free"),
            Case(
                testDescription: "more than models may take", needs: 13, fit: .not,
                reason: "it takes 13.0 GiB of main memory, and models may take 12.0 GiB there"),
            Case(
                testDescription: "other programs", needs: 6, free: 5, fit: .not,
                reason: "it takes 6.0 GiB of main memory, and other programs leave 5.0 GiB"),
            Case(
                testDescription: "other models", needs: 6, free: 5, used: 9, fit: .barely,
                reason: "it takes 6.0 GiB of main memory, of which 3.0 GiB are free: others must be unloaded first"),
        ])
    func figures(example: Case) {
        let memories = [self.main(free: example.free, used: example.used)]
        let fitness = self.judge(self.plan([.cpu: example.needs], on: memories))
        #expect(fitness.fit == example.fit)
        #expect(fitness.reason == example.reason)
        #expect(fitness.requiredBytes == example.needs * gib && fitness.device == .cpu)
    }

    @Test("whoever must go is named, and who cannot")
    func names() {
        let memories = [self.main(free: 5, used: 9)]
        let victim = LoadPlan.Eviction(
            key: InstanceKey(model: ModelID.local("old"), version: "2"), freedBytes: 9 * gib, idle: .zero, isBusy: false
        )
        let evicting = self.judge(self.plan([.cpu: 6], on: memories) { $0.evictions = [victim] })
        #expect(
            evicting.fit == .barely && evicting.reason.hasSuffix("3.0 GiB are free: local/old would be unloaded for it")
        )
        let crowded = self.judge(self.plan([.cpu: 1], on: [self.main()]) { $0.evictions = [victim] })
        #expect(crowded.fit == .barely)
        #expect(crowded.reason == "it takes 1.0 GiB of main memory: local/old would be unloaded for it")
        let blocked = self.judge(
            self.plan([.cpu: 6], on: memories) {
                $0.isFeasible = false
                $0.reason = "memory is short"
                $0.blockers = ["local/old: it is pinned"]
            })
        #expect(blocked.fit == .barely)
        #expect(
            blocked.reason.hasSuffix(
                "others must be unloaded first (local/old: it is pinned); as things are it cannot be loaded: memory is short"
            ))
    }

    @Test("the worst of several memories decides; one that is not there is none")
    func devices() {
        let graphics = DeviceMemory(device: .cuda(0), totalBytes: 8 * gib, freeBytes: 8 * gib, quotaBytes: 7 * gib)
        let split = self.judge(self.plan([.cpu: 2, .cuda(0): 9], on: [self.main(), graphics]))
        #expect(split.fit == .not && split.device == .cuda(0) && split.requiredBytes == 11 * gib)
        #expect(split.reason == "it takes 9.0 GiB of the memory of cuda:0, and models may take 7.0 GiB there")
        #expect(self.judge(self.plan([.cpu: 2, .cuda(0): 3], on: [self.main(), graphics])).fit == .well)
        let none = self.judge(self.plan([.cpu: 2, .cuda(0): 3], on: [self.main()]))
        #expect(none.fit == .not && none.reason == "it needs 3.0 GiB of the memory of cuda:0, which is not there")
        let blind = self.judge(self.plan([.cpu: 2], on: []))
        #expect(blind.fit == .unknown && blind.requiredBytes == 2 * gib)
    }

    @Test("what is loaded fits, whatever is left")
    func loaded() {
        let fitness = self.judge(self.plan([.cpu: 11], on: [self.main(free: 1, used: 11)]) { $0.isLoaded = true })
        #expect(fitness.fit == .well && fitness.reason == "it is loaded; 11.0 GiB of main memory were predicted for it")
    }

    @Test("figures are rounded, as they are beside the sentence")
    func rounds() {
        var plan = self.plan([:], on: [self.main()])
        plan.estimate.devices = [.cpu: 4 * gib + gib / 16]
        #expect(self.judge(plan).reason.hasPrefix("it takes 4.1 GiB of main memory"))
        plan.estimate.devices = [.cpu: 1023]
        #expect(self.judge(plan).reason.hasPrefix("it takes 1023 B of main memory"))
    }

    @Test("without a prediction the size of the file is a guess, and the reason says so")
    func guesses() {
        let plan = LoadPlan(key: self.key, isFeasible: false, reason: "llama.cpp is not installed")
        let fitness = self.judge(plan, size: 8 * gib, devices: [self.main()])
        #expect(fitness.fit == .well && fitness.requiredBytes == 9 * gib + 64 << 20)
        #expect(
            fitness.reason.hasSuffix(
                "are free (guessed from the size of its file); as things are it cannot be loaded: llama.cpp is not installed"
            ))
        let nothing = self.judge(plan)
        #expect(nothing.fit == .unknown && nothing.reason == "llama.cpp is not installed" && nothing.requiredBytes == 0)
        #expect(self.judge(nil).reason == "its size is not known")
        #expect(self.judge(nil, size: .max, devices: [self.main()]).fit == .not)
    }

    @Test("another program's models go onto a GPU that has room for them, else into main memory")
    func guests() {
        let graphics = DeviceMemory(device: .cuda(0), totalBytes: 8 * gib, freeBytes: 6 * gib, quotaBytes: 0)
        let memories = [self.main(), graphics]
        let ollama = ModelFitness.Subject.Place.thisMachine(program: "ollama")
        func judge(_ size: Int64, loaded: Bool = false) -> ModelFitness {
            let estimate = MemoryEstimate(weightBytes: size * gib, devices: [:])
            let plan = LoadPlan(key: self.key, isFeasible: true, isLoaded: loaded, estimate: estimate)
            return self.judge(plan, place: ollama, devices: memories)
        }
        #expect(judge(4).fit == .well && judge(4).device == .cuda(0))
        #expect(judge(4).reason == "it takes about 4.6 GiB of the memory of cuda:0; 6.0 GiB of 8.0 GiB are free")
        #expect(judge(5).fit == .barely && judge(5).device == .cuda(0))
        #expect(judge(8).device == .cpu && judge(8).fit == .well)
        #expect(judge(13).fit == .barely)
        #expect(judge(20).fit == .not && judge(20).reason.hasSuffix("and there are 16.0 GiB"))
        #expect(
            judge(13, loaded: true).fit == .well && judge(13, loaded: true).reason.hasPrefix("ollama has it loaded"))
        #expect(self.judge(nil, place: ollama, devices: memories).fit == .unknown)
        let away = self.judge(nil, size: gib, place: .elsewhere, devices: memories)
        #expect(away.fit == .unknown && away.reason.contains("another machine") && away.requiredBytes == 0)
    }

    private func speed(
        _ estimate: MemoryEstimate, _ bandwidths: [MemoryDevice: Int64], measured: Double? = nil, isText: Bool = true
    ) -> ModelFitness {
        let graphics = DeviceMemory(device: .cuda(0), totalBytes: 80 * gib, freeBytes: 80 * gib, quotaBytes: 70 * gib)
        let plan = LoadPlan(key: self.key, isFeasible: true, estimate: estimate, devices: [self.main(), graphics])
        return ModelFitness(
            of: .init(plan: plan, isText: isText, measuredTokensPerSecond: measured), devices: [],
            bandwidths: bandwidths)
    }

    @Test("a token costs one reading of the weights that work on it and of half the cache")
    func estimates() {
        var estimate = MemoryEstimate(weightBytes: 6 * gib, cacheBytes: 2 * gib)
        let bandwidths: [MemoryDevice: Int64] = [.cpu: 10 * gib, .cuda(0): 3000 * gib]
        let dense = self.speed(estimate, bandwidths)
        #expect(abs(dense.tokensPerSecond - 1 / 1.000_25) < 1e-9 && !dense.isMeasured && dense.speed == .slow)
        estimate.activeWeightBytes = gib
        #expect(abs(self.speed(estimate, bandwidths).tokensPerSecond - 1 / (1 / 3.5 + 0.000_25)) < 1e-9, "experts")
        // Half of it on the GPU: the slower half decides.
        estimate = MemoryEstimate(
            weightBytes: 6 * gib, cacheBytes: 2 * gib, devices: [.cpu: 4 * gib, .cuda(0): 4 * gib])
        let split = self.speed(estimate, bandwidths).tokensPerSecond
        #expect(abs(split - 1 / ((3.5 / 10 + 3.5 / 3000) / 0.7 + 0.000_25)) < 1e-9)
        estimate.devices = [.cuda(0): 8 * gib]
        #expect(self.speed(estimate, bandwidths).speed == .veryFast)
        #expect(self.speed(estimate, [.cpu: 10 * gib]).tokensPerSecond == 0, "not known")
        #expect(self.speed(MemoryEstimate(weightBytes: 13 * gib), bandwidths).tokensPerSecond == 0, "it does not fit")
    }

    @Test("what a profile measured counts for more; what is no text has no such speed")
    func measured() {
        let estimate = MemoryEstimate(weightBytes: gib)
        let profiled = self.speed(estimate, [.cpu: gib], measured: 42)
        #expect(profiled.tokensPerSecond == 42 && profiled.isMeasured && profiled.speed == .fast)
        let embedding = self.speed(estimate, [.cpu: gib], measured: 42, isText: false)
        #expect(embedding.tokensPerSecond == 0 && embedding.speed == nil && !embedding.isMeasured)
    }

    @Test(
        "speeds are told in classes",
        arguments: [
            (0, nil), (0.01, .slow), (4.99, .slow), (5, .reading), (19.99, .reading), (20, .fast), (99.99, .fast),
            (100, .veryFast),
        ] as [(Double, SpeedClass?)])
    func classes(rate: Double, expected: SpeedClass?) {
        #expect(SpeedClass(tokensPerSecond: rate) == expected)
    }
}
