import FoundationEssentials
import Inference
import Testing

@testable import LocalEngines

@Suite struct LlamaCppMemoryTests {
    /// A model, and what the pinned release of llama.cpp said of it when it was loaded, in MiB: `KV buffer size`,
    /// `compute buffer size`.
    struct Measured: Sendable, CustomTestStringConvertible {
        var embedding = 256
        var feedForward = 768
        var heads = 4
        var headsKV = 2
        var layers = 6
        var context = 1024
        var parallel = 1
        var cache: Double
        var compute: Double

        var testDescription: String { "\(self.embedding)/\(self.feedForward), context \(self.context)" }

        var header: GGUFHeader {
            var header = GGUFHeader(
                version: 3, architecture: "llama", hasChatTemplate: true, tensorCount: 0, sizeBytes: 0)
            header.blockCount = self.layers
            header.embeddingLength = self.embedding
            header.feedForwardLength = [self.feedForward]
            header.headCount = [self.heads]
            header.headCountKV = [self.headsKV]
            return header
        }
    }

    private static func mebibytes(_ bytes: Int64) -> Double { Double(bytes) / Double(1 << 20) }

    @Test(arguments: [
        Measured(cache: 3, compute: 8.02),
        Measured(embedding: 512, cache: 6, compute: 10.52),
        Measured(feedForward: 3072, cache: 3, compute: 21.52),
        Measured(heads: 8, cache: 1.5, compute: 8.02),
        Measured(context: 8192, cache: 24, compute: 15.02),
        Measured(context: 32_768, cache: 96, compute: 39.02),
        Measured(context: 4096, parallel: 4, cache: 12, compute: 11.02),
        Measured(context: 256, cache: 0.75, compute: 3.63),
        Measured(layers: 12, cache: 6, compute: 8.02),
        Measured(
            embedding: 1024, feedForward: 4096, heads: 16, headsKV: 4, layers: 8, context: 8192, cache: 64,
            compute: 42.02),
        Measured(
            embedding: 2048, feedForward: 8192, heads: 32, headsKV: 8, layers: 16, context: 8192, cache: 256,
            compute: 76.02),
    ])
    func buffersAreWhatTheEngineSays(measured: Measured) {
        let memory = LlamaCppMemory(
            contextLength: measured.context, parallel: measured.parallel, isUnified: true, gpuLayers: 0,
            promptCacheBytes: 0)
        let estimate = memory.estimate(measured.header)
        #expect(Self.mebibytes(estimate.cacheBytes) == measured.cache)
        // What the engine itself takes stands in the same figure.
        let compute = Self.mebibytes(estimate.computeBytes) - 40
        #expect(abs(compute - measured.compute) < 0.15, "\(compute)")
    }

    private func header(_ architecture: String, _ change: (inout GGUFHeader) -> Void) -> GGUFHeader {
        var header = GGUFHeader(
            version: 3, architecture: architecture, hasChatTemplate: true, tensorCount: 0, sizeBytes: 0)
        header.blockCount = 12
        header.embeddingLength = 1024
        header.headCount = [8]
        header.headCountKV = [4]
        change(&header)
        return header
    }

    private func cache(
        _ header: GGUFHeader, context: Int = 8192, parallel: Int = 1, isUnified: Bool = true
    ) -> Int64 {
        LlamaCppMemory(
            contextLength: context, parallel: parallel, isUnified: isUnified, gpuLayers: 0, promptCacheBytes: 0
        ).cacheBytes(header)
    }

    @Test func theCacheFollowsWhatEachLayerHas() {
        let plain = self.header("llama") { _ in }
        // Layers, heads, key and value, tokens, bytes.
        #expect(self.cache(plain) == 12 * 4 * (128 + 128) * 8192 * 2)
        #expect(self.cache(plain, parallel: 3) == self.cache(plain))
        #expect(self.cache(plain, parallel: 3, isUnified: false) == 3 * self.cache(plain))
        #expect(self.cache(plain, context: 8193) == self.cache(plain, context: 8448))
        let wide = self.header("llama") {
            $0.keyLength = 192
            $0.valueLength = 64
        }
        #expect(self.cache(wide) == self.cache(plain))
        let uneven = self.header("llama") { $0.headCountKV = [4, 0, 0, 4, 0, 0, 4, 0, 0, 4, 0, 0] }
        #expect(self.cache(uneven) == self.cache(plain) / 3)
        let hybrid = self.header("granitehybrid") { header in
            header.headCountKV = [4, 0, 0, 4, 0, 0, 4, 0, 0, 4, 0, 0]
            header.recurrentState = 1000
        }
        #expect(self.cache(hybrid, parallel: 2) == self.cache(uneven) + 8 * 1000 * 4 * 2)
        let recurrent = self.header("mamba") {
            $0.headCountKV = []
            $0.headCount = [0]
            $0.recurrentState = 1000
        }
        #expect(self.cache(recurrent) == 12 * 1000 * 4)
    }

    /// all-MiniLM-L6-v2, of which the engine said `compute buffer size` 7.26, 35.05 and 86.12 MiB: encoders take less than
    /// the formula gives, never more.
    @Test(arguments: [(512, 7.26), (2048, 35.05), (4096, 86.12)])
    func encodersKeepNoCacheAndTakeAWholeTextAtOnce(context: Int, compute: Double) {
        var header = self.header("bert") { $0.feedForwardLength = [1536] }
        (header.embeddingLength, header.headCount, header.headCountKV, header.blockCount) = (384, [12], [], 6)
        var memory = LlamaCppMemory(
            contextLength: context, parallel: 1, isUnified: true, gpuLayers: 0, promptCacheBytes: 0)
        memory.batch = context
        let estimate = memory.estimate(header)
        #expect(estimate.cacheBytes == 0)
        let factor = (Self.mebibytes(estimate.computeBytes) - 40) / compute
        #expect((1...2).contains(factor), "\(factor)")
        header.vocabularySize = 1000
        let more = memory.estimate(header).computeBytes - estimate.computeBytes
        #expect(more == Int64(1000 * (224 + 4 * context)))
    }

    @Test func textsToEmbedAreAsLongAsTheirMemoryAllows() {
        func context(_ vocabulary: Int?, _ architecture: String = "bert", asked: Int? = nil) -> Int {
            LocalModel.effectiveContextLength(
                asked,
                self.header(architecture) {
                    $0.contextLength = 8192
                    $0.vocabularySize = vocabulary
                })
        }
        #expect(context(30_522) == 8192 && context(250_002) == 1073 && context(10_000_000) == 512)
        #expect(context(250_002, asked: 4096) == 4096, "what is asked for is given")
        #expect(context(250_002, "llama") == 8192 && context(nil) == 8192)
    }

    @Test func layersWithAWindowKeepLess() {
        let gemma = self.header("gemma3") { $0.slidingWindow = 512 }
        // Two of twelve layers look at everything.
        #expect(self.cache(gemma) == 4 * 256 * 2 * (2 * 8192 + 10 * 1024))
        #expect(self.cache(gemma, context: 512) == 4 * 256 * 2 * 12 * 512)
        let unknown = self.header("llama") { $0.slidingWindow = 512 }
        #expect(self.cache(unknown) == 4 * 256 * 2 * 12 * 8192, "more rather than less")
        let told = self.header("other") { header in
            header.slidingWindow = 512
            header.slidingWindowPattern = [1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 0]
        }
        #expect(self.cache(told) == 4 * 256 * 2 * (4 * 8192 + 8 * 1024))
    }

    @Test(
        arguments: [(0, nil, 1200), (5, 500, 700), (10, 1000, 200), (11, 1100, 100), (99, 1100, 100)]
            as [(Int, Int64?, Int64)])
    func layersOnTheGPUAreTakenFromTheEnd(layers: Int, gpu: Int64?, cpu: Int64) {
        var header = self.header("llama") { $0.blockCount = 10 }
        header.tensors =
            [GGUFTensor(name: "token_embd.weight", dimensions: [100], type: 24, offset: 0, sizeBytes: 100)]
            + (0..<10).map {
                GGUFTensor(name: "blk.\($0).w", dimensions: [100], type: 24, offset: 0, sizeBytes: 100)
            } + [GGUFTensor(name: "output.weight", dimensions: [100], type: 24, offset: 0, sizeBytes: 100)]
        let estimate = LlamaCppMemory(
            contextLength: 256, parallel: 1, isUnified: true, gpuLayers: layers, promptCacheBytes: 0
        ).estimate(header)
        let empty = LlamaCppMemory(
            contextLength: 256, parallel: 1, isUnified: true, gpuLayers: layers, promptCacheBytes: 0
        ).estimate(self.header("llama") { $0.blockCount = 10 })
        #expect(estimate.weightBytes == 1200)
        #expect((estimate.devices[.cpu] ?? 0) - (empty.devices[.cpu] ?? 0) == cpu)
        #expect(estimate.devices[.cuda(0)].map { $0 - (empty.devices[.cuda(0)] ?? 0) } == gpu)
        #expect(estimate.devices.values.reduce(0, +) == estimate.totalBytes)
        #expect(estimate.devices.count == (layers == 0 ? 1 : 2))
    }

    @Test func aTokenIsComputedWithTheExpertsThatWorkOnItAndOneRowOfTheEmbeddings() {
        func tensor(_ name: String, _ dimensions: [Int64]) -> GGUFTensor {
            GGUFTensor(name: name, dimensions: dimensions, type: 24, offset: 0, sizeBytes: dimensions.reduce(1, *))
        }
        var header = self.header("qwen3moe") { $0.expertUsedCount = 2 }
        header.tensors = [
            tensor("token_embd.weight", [10, 50]), tensor("blk.0.attn_q.weight", [10, 10]),
            tensor("blk.0.ffn_up_exps.weight", [10, 4, 8]),
        ]
        // The embeddings are the output, too.
        #expect(header.activeWeightBytes == 500 + 100 + 80)
        header.tensors.append(tensor("output.weight", [10, 50]))
        #expect(header.activeWeightBytes == 10 + 100 + 80 + 500)
        header.expertUsedCount = nil
        #expect(header.activeWeightBytes == 10 + 100 + 320 + 500)
        let memory = LlamaCppMemory(
            contextLength: 256, parallel: 1, isUnified: true, gpuLayers: 0, promptCacheBytes: 0)
        #expect(memory.estimate(header).activeWeightBytes == 930)
    }

    @Test func modelsWhoseWeightsAreRearrangedAreKnown() {
        let repacked = self.header("llama") { header in
            header.tensors = [
                GGUFTensor(name: "a", dimensions: [], type: 12, offset: 0, sizeBytes: 60),
                GGUFTensor(name: "b", dimensions: [], type: 8, offset: 0, sizeBytes: 40),
            ]
        }
        #expect(repacked.isRepacked)
        #expect(
            !self.header("llama") {
                $0.tensors = [GGUFTensor(name: "a", dimensions: [], type: 8, offset: 0, sizeBytes: 1)]
            }.isRepacked)
    }
}
