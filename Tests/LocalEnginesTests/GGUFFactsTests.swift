import FoundationEssentials
import Inference
import Testing

@testable import LocalEngines

@Suite struct GGUFFactsTests {
    private func parse(_ builder: GGUFBuilder, fileSize: Int64? = nil) throws -> GGUFHeader {
        let bytes = builder.wholeFile()
        return try #require(try GGUFHeader.parse(bytes, fileSize: fileSize ?? Int64(bytes.count)))
    }

    @Test func theTensorTableIsReadWhole() throws {
        let header = try self.parse(GGUFBuilder.sample)
        #expect(header.tensors.map(\.name) == ["token_embd.weight", "blk.0.attn_q.weight", "blk.12.ffn_up.weight"])
        #expect(header.tensors.map(\.sizeBytes) == [20_400, 2304, 16_384])
        #expect(header.tensors.map(\.dimensions) == [[64, 300], [64, 64], [64, 32, 4]])
        #expect(header.tensors.map(\.layer) == [nil, 0, 12])
        #expect(header.dataOffset % 32 == 0 && header.promisedBytes == header.sizeBytes)
        #expect(header.weightBytes == 39_088)
        #expect(header.vocabularySize == 300)
    }

    @Test func theNumbersOfTheModelAreRead() throws {
        let header = try self.parse(
            GGUFBuilder.model("qwen3") { builder in
                builder.text("general.type", "model")
                builder.number("general.file_type", 7)
                builder.number("qwen3.attention.head_count", 8)
                builder.numbers("qwen3.attention.head_count_kv", [2, 0])
                builder.number("qwen3.attention.key_length", 128)
                builder.number("qwen3.attention.value_length", 64)
                builder.number("qwen3.attention.sliding_window", 512)
                builder.number("qwen3.feed_forward_length", 99)
                builder.number("qwen3.expert_used_count", 4)
                builder.number("qwen3.expert_feed_forward_length", 50)
                builder.number("qwen3.ssm.inner_size", 10)
                builder.number("qwen3.ssm.state_size", 16)
                builder.number("qwen3.ssm.conv_kernel", 4)
                builder.number("llama.block_count", 77)
            })
        #expect(header.type == "model" && header.fileType == 7 && header.blockCount == 2)
        #expect(header.embeddingLength == 64 && header.headCount == [8] && header.headCountKV == [2, 0])
        #expect(header.keyLength == 128 && header.valueLength == 64 && header.slidingWindow == 512)
        #expect(header.feedForwardLength == [99] && header.expertUsedCount == 4)
        #expect(header.expertFeedForwardLength == 50 && header.recurrentState == 10 * (16 + 3))
    }

    @Test(arguments: [0, 1, 31, 64, 5000])
    func aFileWithoutItsLastBytesIsRefusedWithTheirNumber(missing: Int) throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/m.gguf"
        let whole = GGUFBuilder.model().wholeFile()
        try Data(whole.dropLast(missing)).write(to: URL(filePath: path))
        guard missing > 0 else {
            #expect(try GGUFHeader.read(path: path).tensorCount == 4)
            return
        }
        let error = #expect(throws: GGUFError.self) { try GGUFHeader.read(path: path) }
        let size = Int64(whole.count - missing)
        #expect(error == .incomplete(sizeBytes: size, promisedBytes: Int64(whole.count)))
        #expect(error?.description.contains("\(missing) bytes are missing of the \(whole.count)") == true)
    }

    @Test func aTensorOfAnUnknownTypeReachesToTheNext() throws {
        var builder = GGUFBuilder.model()
        builder.tensor("new.weight", [100], type: 999)
        builder.tensor("last.weight", [8])
        let header = try self.parse(builder)
        #expect(header.tensors.first { $0.name == "new.weight" }?.sizeBytes == 416)
        #expect(header.promisedBytes == header.sizeBytes)
    }

    @Test(arguments: [
        ([1, 2, 3, 4, 5] as [UInt64], 0 as UInt64, "has 5 dimensions; four are the most"),
        ([0], 0, "has a dimension of 0"),
        ([.max], 0, "has a dimension of 18446744073709551615"),
        ([1 << 40, 1 << 40], 0, "has a dimension of 1099511627776"),
        ([8], 1 << 62, "lies at byte 4611686018427387904"),
    ])
    func tensorsThatMakeNoSenseAreRefused(dimensions: [UInt64], offset: UInt64, words: String) {
        var builder = GGUFBuilder.model()
        builder.tensor("odd", dimensions, offset: offset)
        let bytes = builder.file()
        let error = #expect(throws: GGUFError.self) { _ = try GGUFHeader.parse(bytes, fileSize: 1 << 40) }
        #expect(error?.description.contains(words) == true, "\(String(describing: error))")
    }

    @Test func theEndOfAHugeTensorDoesNotOverflow() throws {
        var builder = GGUFBuilder.model()
        for index in 0..<40 { builder.tensor("t\(index)", [1 << 55], type: 28, offset: 1 << 59) }
        let bytes = builder.file()
        let header = try #require(try GGUFHeader.parse(bytes, fileSize: 1 << 40))
        #expect(header.weightBytes == .max)
        #expect(throws: GGUFError.self) { try header.checkComplete() }
        let memory = LlamaCppMemory(
            contextLength: .max, parallel: .max, isUnified: false, gpuLayers: 1, promptCacheBytes: 0)
        #expect(memory.estimate(header).devices[.cpu] ?? 0 > 0)
    }

    @Test func damagedTablesDoNotTrap() {
        let file = GGUFBuilder.model().wholeFile()
        var generator = SplitMix(state: 3)
        for _ in 0..<20_000 {
            var bytes = file
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                let index = Int.random(in: 0..<400, using: &generator)
                bytes[index] = UInt8.random(in: 0...255, using: &generator)
            }
            guard let header = try? GGUFHeader.parse(bytes, fileSize: Int64(bytes.count)) else { continue }
            let memory = LlamaCppMemory(
                contextLength: header.contextLength ?? 512, parallel: 3, isUnified: false, gpuLayers: 2,
                promptCacheBytes: 1)
            #expect(memory.estimate(header).totalBytes >= 0)
            _ = (header.unfitness, header.capabilities, header.promisedBytes, header.isRepacked)
        }
    }

    // MARK: - What the model can do

    @Test(
        arguments: [
            ("{{ messages }}", [.chat]),
            ("{% if tools %}{{ tools }}{% endif %}{{ messages }}", [.chat, .tools]),
            ("<tool_call>", [.chat, .tools]),
            ("{{ messages }}<think>", [.chat, .reasoning]),
            ("{% if enable_thinking %}{{ tools }}", [.chat, .tools, .reasoning]),
            (nil, []),
        ] as [(String?, Set<Capability>)])
    func theTemplateTellsWhatAModelCanDo(template: String?, extra: Set<Capability>) throws {
        let header = try self.parse(
            GGUFBuilder.model { builder in
                if let template { builder.text("tokenizer.chat_template", template) }
            })
        #expect(header.category == .text)
        let goesOn: Set<Capability> = template == nil ? [] : [.prefill]
        #expect(header.capabilities == extra.union(goesOn).union([.completion, .streaming, .jsonSchema]))
    }

    @Test(arguments: [("bert", nil), ("nomic-bert", nil), ("qwen3", 3), ("llama", 1)] as [(String, UInt32?)])
    func modelsThatMakeVectorsAreKnown(architecture: String, pooling: UInt32?) throws {
        let header = try self.parse(
            GGUFBuilder.model(architecture) { builder in
                if let pooling { builder.number("\(architecture).pooling_type", pooling) }
            })
        #expect(header.category == .embedding && header.capabilities == [.embeddings])
    }

    @Test(
        arguments: [
            ("llama", nil, nil), ("clip", nil, "projector"), ("llama", "adapter", "adapter (LoRA)"),
            ("llama", "imatrix", "importance matrix"), ("llama", "mmproj", "projector"),
            ("gpt9", nil, "its architecture is 'gpt9', which llama.cpp \(LlamaCppRelease.version) does not know"),
        ] as [(String, String?, String?)])
    func whatIsNoModelForTheEngineSaysWhy(architecture: String, type: String?, words: String?) throws {
        let header = try self.parse(
            GGUFBuilder.model(architecture) { builder in
                if let type { builder.text("general.type", type) }
            })
        guard let words else {
            #expect(header.unfitness == nil)
            return
        }
        #expect(header.unfitness?.contains(words) == true, "\(header.unfitness ?? "fit")")
    }

    @Test func theBundledModelsAreFit() throws {
        for (_, file) in BundledModels.files {
            let header = try GGUFHeader.read(path: "\(packageRoot)/models/\(file)")
            #expect(header.unfitness == nil && header.category == .text && header.capabilities.contains(.chat))
            #expect(!header.capabilities.contains(.tools) && header.promisedBytes == header.sizeBytes)
            #expect(header.blockCount ?? 0 > 0 && header.vocabularySize ?? 0 > 1000 && !header.isRepacked)
        }
    }

    // MARK: - Parts

    @Test(
        arguments: [
            ("m-00001-of-00003.gguf", "m", 1, 3), ("a-b-Q4_K-00002-of-00002.gguf", "a-b-Q4_K", 2, 2),
            ("m-00004-of-00003.gguf", nil, 0, 0), ("m-1-of-3.gguf", nil, 0, 0), ("00001-of-00003.gguf", nil, 0, 0),
            ("m.gguf", nil, 0, 0), ("m-00001-of-00003.bin", nil, 0, 0), ("m-00000-of-00003.gguf", nil, 0, 0),
        ] as [(String, String?, Int, Int)])
    func partsAreKnownByTheirNames(name: String, stem: String?, index: Int, count: Int) {
        let part = GGUFParts.parse(name)
        #expect(part?.stem == stem && part?.index ?? 0 == index && part?.count ?? 0 == count)
    }

    @Test func aSplitModelIsTheSumOfItsParts() throws {
        let directory = try TemporaryDirectory()
        var size = 0
        for index in 0..<3 {
            let part = GGUFBuilder.model { builder in
                builder.number("split.no", UInt32(index))
                builder.number("split.count", 3)
            }.wholeFile()
            size += part.count
            try Data(part).write(to: URL(filePath: "\(directory.path)/m-0000\(index + 1)-of-00003.gguf"))
        }
        let first = "\(directory.path)/m-00001-of-00003.gguf"
        let header = try GGUFHeader.read(path: first)
        #expect(header.sizeBytes == Int64(size) && header.tensors.count == 12 && header.unfitness == nil)
        let second = try GGUFHeader.read(path: "\(directory.path)/m-00002-of-00003.gguf")
        #expect(second.unfitness == "it is part 2 of 3; name the first part")
        try FileManager.default.removeItem(atPath: "\(directory.path)/m-00003-of-00003.gguf")
        #expect(throws: GGUFError.partsMissing(["m-00003-of-00003.gguf"], count: 3)) {
            try GGUFHeader.read(path: first)
        }
    }
}
