package import Inference

/// How much memory llama.cpp takes for a model, from the model's header and the settings that it is started with.
///
/// Weights are what the tensor table says. The KV cache is llama.cpp's own arithmetic (`llama-kv-cache.cpp`): a key and
/// a value in 16 bits for each token, layer and head. The compute buffer is a formula fitted to what the pinned release
/// reports (`compute buffer size`) for 15 models of different widths, contexts and vocabularies, all of which it gives
/// to within 1 %: for each token of a batch, 5 vectors as wide as the model and 3 as wide as its feed-forward part, in
/// 32 bits, and the attention mask in 16 bits for the whole context. The rest was measured in running engines, with which
/// `LlamaCppMemoryTests` compares the sum.
package struct LlamaCppMemory: Sendable, Hashable {
    /// Tokens of context that the engine is asked for.
    package var contextLength: Int
    /// Requests at the same time.
    package var parallel: Int
    /// Whether they share one context; else each has its own.
    package var isUnified: Bool
    /// Layers on the GPU, from the last one on.
    package var gpuLayers: Int
    /// Bound of the cache for the prompts of earlier requests, in bytes.
    package var promptCacheBytes: Int64
    /// Tokens that are computed at once (`n_ubatch`). Embedding models take a whole text at once.
    package var batch = 512

    package init(contextLength: Int, parallel: Int, isUnified: Bool, gpuLayers: Int, promptCacheBytes: Int64) {
        self.contextLength = contextLength
        self.parallel = max(1, parallel)
        self.isUnified = isUnified
        self.gpuLayers = max(0, gpuLayers)
        self.promptCacheBytes = promptCacheBytes
    }

    /// Python, the engine's code and what it holds for itself: measured.
    private static let engineBytes: Int64 = 40 << 20
    /// For each token of the vocabulary, what the tokenizer's tables take: measured.
    private static let tokenizerBytes: Int64 = 224
    /// What the driver takes of a GPU for a process before there is any model: the reserve of llama.cpp's Python
    /// binding.
    private static let gpuBytes: Int64 = 512 << 20

    /// What `header`'s model will take.
    package func estimate(_ header: GGUFHeader) -> MemoryEstimate {
        let layers = max(0, header.blockCount ?? 0)
        let firstOnGPU = layers - min(layers, self.gpuLayers)
        let isOnGPU = firstOnGPU < layers
        var weights = Split()
        for tensor in header.tensors {
            // The last of the offloaded layers is the output, which counts as one more than the model has.
            let layer = tensor.layer ?? (tensor.name.hasPrefix("output") && self.gpuLayers > layers ? layers : -1)
            weights.add(tensor.sizeBytes, onGPU: isOnGPU && layer >= firstOnGPU)
        }
        var cache = Split()
        for layer in 0..<layers {
            cache.add(self.cacheBytes(layer, header), onGPU: layer >= firstOnGPU)
        }
        let buffer = self.bufferBytes(header)
        let engine =
            Self.engineBytes + self.promptCacheBytes
            + Int64(header.vocabularySize ?? 0).saturatingMultiply(Self.tokenizerBytes)
        var devices: [MemoryDevice: Int64] = [
            .cpu: weights.cpu.saturatingAdd(cache.cpu).saturatingAdd(engine).saturatingAdd(isOnGPU ? 0 : buffer)
        ]
        if isOnGPU {
            devices[.cuda(0)] =
                weights.gpu.saturatingAdd(cache.gpu).saturatingAdd(buffer).saturatingAdd(Self.gpuBytes)
        }
        var estimate = MemoryEstimate(
            weightBytes: weights.cpu.saturatingAdd(weights.gpu),
            cacheBytes: cache.cpu.saturatingAdd(cache.gpu),
            computeBytes: engine.saturatingAdd(buffer).saturatingAdd(isOnGPU ? Self.gpuBytes : 0),
            devices: devices
        )
        estimate.activeWeightBytes = header.activeWeightBytes
        return estimate
    }

    /// The KV cache of all layers, in bytes, wherever it lies.
    package func cacheBytes(_ header: GGUFHeader) -> Int64 {
        (0..<max(0, header.blockCount ?? 0)).reduce(0) { $0.saturatingAdd(self.cacheBytes($1, header)) }
    }

    private func cacheBytes(_ layer: Int, _ header: GGUFHeader) -> Int64 {
        if LlamaCppArchitectures.cacheless.contains(header.architecture) { return 0 }
        let sequences = Int64(self.parallel)
        let streams = self.isUnified ? 1 : sequences
        var cells = Self.padded(Int64(self.contextLength))
        if header.looksThroughWindow(layer), let window = header.slidingWindow {
            let wide = Int64(window).saturatingMultiply(self.isUnified ? sequences : 1).saturatingAdd(Int64(self.batch))
            cells = min(cells, Self.padded(wide))
        }
        let heads = Int64(header.heads(header.headCountKV.isEmpty ? header.headCount : header.headCountKV, layer) ?? 0)
        let width = Int64(header.keyWidth).saturatingAdd(Int64(header.valueWidth))
        let attention = heads.saturatingMultiply(width).saturatingMultiply(cells)
            .saturatingMultiply(2).saturatingMultiply(streams)
        // Recurrent layers keep a state instead, for each sequence and in 32 bits. Files of hybrid models tell them by
        // having no heads there; those of purely recurrent ones by having none at all.
        guard let state = header.recurrentState, heads == 0 else { return attention }
        return Int64(state).saturatingMultiply(4).saturatingMultiply(sequences)
    }

    private func bufferBytes(_ header: GGUFHeader) -> Int64 {
        let context = Self.padded(Int64(self.contextLength)).saturatingMultiply(
            self.isUnified ? 1 : Int64(self.parallel))
        let batch = min(Int64(self.batch), max(1, context))
        let dense = header.feedForwardLength.max() ?? 0
        let experts = (header.expertFeedForwardLength ?? 0).saturatingMultiply(header.expertUsedCount ?? 0)
        let width = Int64(header.embeddingLength ?? 0).saturatingMultiply(5)
            .saturatingAdd(Int64(max(dense, experts)).saturatingMultiply(3))
        // Logits for the last token of each sequence; where vectors are wanted, llama.cpp has room for those of every token,
        // though it never computes them.
        let rows = header.isEmbedding ? batch : Int64(self.parallel)
        let logits = Int64(header.vocabularySize ?? 0).saturatingMultiply(4).saturatingMultiply(rows)
        return batch.saturatingMultiply(width).saturatingMultiply(4)
            .saturatingAdd(batch.saturatingMultiply(context).saturatingMultiply(2)).saturatingAdd(logits)
    }

    /// llama.cpp makes caches of whole 256 cells.
    private static func padded(_ cells: Int64) -> Int64 {
        cells.saturatingAdd(255) / 256 * 256
    }

    /// Bytes by where they lie.
    private struct Split {
        var cpu: Int64 = 0
        var gpu: Int64 = 0

        mutating func add(_ bytes: Int64, onGPU: Bool) {
            if onGPU { self.gpu = self.gpu.saturatingAdd(bytes) } else { self.cpu = self.cpu.saturatingAdd(bytes) }
        }
    }
}

extension GGUFHeader {
    /// Bytes of weights that one token is computed with: of the experts those that work on it, and of the embeddings one
    /// row, unless they are the output, too.
    var activeWeightBytes: Int64 {
        let hasOutput = self.tensors.contains { $0.name == "output.weight" }
        return self.tensors.reduce(0) { sum, tensor in
            var bytes = tensor.sizeBytes
            if tensor.name == "token_embd.weight", hasOutput {
                bytes /= max(1, tensor.dimensions.last ?? 1)
            } else if tensor.name.contains("_exps."), let used = self.expertUsedCount, tensor.dimensions.count == 3 {
                // The outermost dimension counts the experts.
                let experts = max(1, tensor.dimensions[2])
                bytes = bytes / experts * min(Int64(used), experts)
            }
            return sum.saturatingAdd(bytes)
        }
    }

    /// The number for a layer, where there may be one for all; `nil` where there is none.
    fileprivate func heads(_ counts: [Int], _ layer: Int) -> Int? {
        counts.count > 1 ? (layer < counts.count ? counts[layer] : nil) : counts.first
    }

    fileprivate var keyWidth: Int { self.keyLength ?? self.headWidth }
    fileprivate var valueWidth: Int { self.valueLength ?? self.headWidth }

    private var headWidth: Int {
        guard let embeddingLength, let heads = self.headCount.max(), heads > 0 else { return 0 }
        return embeddingLength / heads
    }

    /// Layers between two that look at everything, by architecture, for files that do not say (`set_swa_pattern` of
    /// llama.cpp). What is not here is taken to look at everything: more than is needed rather than less.
    private static let windowPatterns = ["gemma2": 2, "gemma3": 6, "gemma3n": 5, "cohere2": 4, "gpt-oss": 2]

    /// Whether a layer looks back through the sliding window only.
    fileprivate func looksThroughWindow(_ layer: Int) -> Bool {
        guard let slidingWindow, slidingWindow > 0 else { return false }
        if self.slidingWindowPattern.count > 1 {
            return layer < self.slidingWindowPattern.count && self.slidingWindowPattern[layer] != 0
        }
        guard let every = self.slidingWindowPattern.first ?? Self.windowPatterns[self.architecture], every > 1 else {
            return false
        }
        return layer % every < every - 1
    }
}
