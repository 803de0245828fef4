/// What the head of a GGUF file says about the model in it.
///
/// The format is that of ggml's `docs/gguf.md`, versions 2 and 3, little-endian. Only the head is read, never weights,
/// so that a wrong or damaged file gets a sentence before an engine is started on it. What a file does not say is `nil`.
package struct GGUFHeader: Sendable, Hashable {
    /// 2 or 3.
    package var version: UInt32
    /// `general.architecture`: `llama`, `qwen3`, `bert`.
    package var architecture: String
    /// `general.type`: `model`, `adapter`, `imatrix`, `mmproj`. Older files have none.
    package var type: String?
    /// `general.name`, where the file has one.
    package var name: String?
    /// `general.file_type`, a number of llama.cpp's `llama_ftype`: how most of the weights are stored.
    package var fileType: Int?
    /// The context that the model was trained for, in tokens.
    package var contextLength: Int?
    /// Layers.
    package var blockCount: Int?
    /// Width of a token between layers.
    package var embeddingLength: Int?
    /// Width inside the feed-forward part, one for all layers or one for each.
    package var feedForwardLength: [Int] = []
    /// Attention heads, one number for all layers or one for each.
    package var headCount: [Int] = []
    /// Heads that have keys and values of their own, likewise. Without it every head has.
    package var headCountKV: [Int] = []
    /// Width of one head's key; else ``embeddingLength`` by ``headCount``.
    package var keyLength: Int?
    /// Width of one head's value, likewise.
    package var valueLength: Int?
    /// Tokens that layers with a sliding window look back.
    package var slidingWindow: Int?
    /// Every so many layers one looks at everything, the others through the window; or one flag for each layer, 1 for
    /// a window.
    package var slidingWindowPattern: [Int] = []
    /// Experts that work on each token.
    package var expertUsedCount: Int?
    /// ``feedForwardLength`` of one expert.
    package var expertFeedForwardLength: Int?
    /// State of recurrent layers (Mamba and its like), in numbers for each layer and sequence.
    package var recurrentState: Int?
    /// Tokens in the vocabulary.
    package var vocabularySize: Int?
    /// How the vectors of a text become one: 1 mean, 2 first, 3 last, 4 rank; 0 or nothing in models that write text.
    package var poolingType: Int?
    /// Whether the file brings a chat template; without one, llama.cpp guesses.
    package var hasChatTemplate: Bool
    /// Whether the template has a place for tools.
    package var templateKnowsTools = false
    /// Whether the template has a place for the model's thoughts.
    package var templateKnowsReasoning = false
    /// From 0, where the file is one of ``partCount``.
    package var partIndex: Int?
    /// Files that the model is split into; 1 when it is whole.
    package var partCount = 1
    /// Number of tensors, in this file.
    package var tensorCount: UInt64
    /// Where they lie.
    package var tensors: [GGUFTensor] = []
    /// Where the weights begin, in bytes from the start of the file.
    package var dataOffset: Int64 = 0
    /// Of the whole file; of all parts together where ``read(path:)`` found several.
    package var sizeBytes: Int64

    /// Bytes of weights, without the file's head and padding.
    package var weightBytes: Int64 { self.tensors.reduce(0) { $0.saturatingAdd($1.sizeBytes) } }

    /// How large the file must be to hold what its head promises.
    package var promisedBytes: Int64 {
        self.tensors.reduce(0) { max($0, self.dataOffset + $1.offset + $1.sizeBytes) }
    }
}

/// One tensor of a GGUF file, as its table describes it.
package struct GGUFTensor: Sendable, Hashable {
    package var name: String
    /// Elements in each dimension, the innermost first; up to four.
    package var dimensions: [Int64]
    /// A number of `ggml_type`.
    package var type: UInt32
    /// From ``GGUFHeader/dataOffset``, in bytes.
    package var offset: Int64
    package var sizeBytes: Int64

    /// The layer that it belongs to: 3 for `blk.3.attn_q.weight`; `nil` for what stands before and behind the layers.
    package var layer: Int? {
        guard self.name.hasPrefix("blk.") else { return nil }
        return Int(self.name.dropFirst(4).prefix { $0 != "." })
    }

    /// Elements and bytes of one block, by `ggml_type` (`GGML_QUANT_SIZES` of gguf-py).
    static let blocks: [UInt32: (elements: Int64, bytes: Int64)] = [
        0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36),
        10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292), 16: (256, 66),
        17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136),
        24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54),
        35: (256, 66), 39: (32, 17), 40: (64, 36), 41: (128, 18),
    ]

    /// Types that llama.cpp rearranges for the processor when it loads them (`repack.cpp` of ggml), so that they do not
    /// stay where they were mapped: Q4_0, Q2_K, Q4_K, Q5_K, Q6_K, IQ4_NL, MXFP4.
    static let repacked: Set<UInt32> = [2, 10, 12, 13, 14, 20, 39]
}

/// Why a file cannot be a model for us.
package enum GGUFError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The file cannot be opened or read.
    case unreadable(reason: String)
    /// It does not begin with `GGUF`.
    case notGGUF
    /// A version that nobody of today reads; big-endian files show up here.
    case unsupportedVersion(UInt32)
    /// It ends inside its own header.
    case truncated(sizeBytes: Int64)
    /// It ends before the last of its weights.
    case incomplete(sizeBytes: Int64, promisedBytes: Int64)
    /// The model was split into files, and these are not there.
    case partsMissing([String], count: Int)
    /// A length, a type or a text in the header makes no sense.
    case malformed(String)

    package var description: String {
        switch self {
        case .unreadable(let reason): "it cannot be read: \(reason)"
        case .notGGUF: "it is not a GGUF file: the first four bytes are not 'GGUF'"
        case .unsupportedVersion(let version):
            "it is GGUF version \(version); versions 2 and 3 (little-endian) can be read"
        case .truncated(let size): "it ends inside its header, after \(size) bytes: was the download complete?"
        case .incomplete(let size, let promised):
            """
            it is truncated: \(promised - size) bytes are missing of the \(promised) that its header promises; \
            was the download complete?
            """
        case .partsMissing(let names, let count):
            "it is split into \(count) files, of which \(names.count) are missing: \(names.joined(separator: ", "))"
        case .malformed(let what): "its GGUF header is damaged: \(what)"
        }
    }
}
