import FoundationEssentials
import Testing

@testable import LocalEngines

/// Writes GGUF headers, right and wrong, and whole files with weights of nothing.
struct GGUFBuilder {
    private(set) var bytes: [UInt8] = []
    private var pairs: UInt64 = 0
    private var tensors: [(name: String, dimensions: [UInt64], type: UInt32, offset: UInt64)] = []
    private var dataBytes: UInt64 = 0

    /// Behind the one before, as llama.cpp wants it.
    mutating func tensor(_ name: String, _ dimensions: [UInt64], type: UInt32 = 0, offset: UInt64? = nil) {
        let at = offset ?? self.dataBytes
        self.tensors.append((name, dimensions, type, at))
        let block = GGUFTensor.blocks[type] ?? (1, 4)
        let elements = dimensions.reduce(1 as UInt64) { $0 &* $1 }
        let size = elements / UInt64(block.elements) &* UInt64(block.bytes)
        self.dataBytes = (at &+ size &+ 31) / 32 * 32
    }

    mutating func text(_ key: String, _ value: String) { self.pair(key, type: 8) { $0.text(value) } }

    mutating func number(_ key: String, _ value: UInt32) { self.pair(key, type: 4) { $0.number(value) } }

    mutating func numbers(_ key: String, _ values: [Int32]) {
        self.pair(key, type: 9) { array in
            array.number(5 as UInt32)
            array.number(UInt64(values.count))
            for value in values { array.number(value) }
        }
    }

    /// The header and its weights, all zero, less the last `missing` bytes.
    func wholeFile(missing: Int = 0) -> [UInt8] {
        var bytes = self.file()
        bytes += [UInt8](repeating: 0, count: (32 - bytes.count % 32) % 32 + Int(self.dataBytes))
        return bytes.dropLast(missing)
    }

    /// A small model that everything is right with.
    static func model(_ architecture: String = "llama", change: (inout GGUFBuilder) -> Void = { _ in }) -> GGUFBuilder {
        var builder = GGUFBuilder()
        builder.text("general.architecture", architecture)
        builder.number("\(architecture).context_length", 2048)
        builder.number("\(architecture).block_count", 2)
        builder.number("\(architecture).embedding_length", 64)
        change(&builder)
        builder.tensor("token_embd.weight", [64, 100], type: 8)
        builder.tensor("blk.0.attn_q.weight", [64, 64], type: 8)
        builder.tensor("blk.1.attn_q.weight", [64, 64], type: 8)
        builder.tensor("output_norm.weight", [64])
        return builder
    }

    mutating func number(_ value: some FixedWidthInteger) {
        var rest = value
        for _ in 0..<(type(of: value).bitWidth / 8) {
            self.bytes.append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }

    mutating func text(_ value: String) {
        self.number(UInt64(value.utf8.count))
        self.bytes += Array(value.utf8)
    }

    mutating func pair(_ key: String, type: UInt32, _ value: (inout GGUFBuilder) -> Void) {
        self.pairs += 1
        self.text(key)
        self.number(type)
        value(&self)
    }

    /// Magic, version, counts, and what was written so far.
    func file(version: UInt32 = 3, pairs: UInt64? = nil) -> [UInt8] {
        var head = GGUFBuilder()
        head.bytes = Array("GGUF".utf8)
        head.number(version)
        head.number(UInt64(self.tensors.count))
        head.number(pairs ?? self.pairs)
        head.bytes += self.bytes
        for tensor in self.tensors {
            head.text(tensor.name)
            head.number(UInt32(tensor.dimensions.count))
            for dimension in tensor.dimensions { head.number(dimension) }
            head.number(tensor.type)
            head.number(tensor.offset)
        }
        return head.bytes
    }

    /// Every type of value, with what we look for behind a vocabulary.
    static var sample: GGUFBuilder {
        var builder = GGUFBuilder()
        builder.pair("general.architecture", type: 8) { $0.text("llama") }
        builder.pair("general.name", type: 8) { $0.text("näme") }
        for (type, width) in [(0, 1), (1, 1), (2, 2), (3, 2), (5, 4), (6, 4), (7, 1), (10, 8), (11, 8), (12, 8)] {
            builder.pair("x.\(type)", type: UInt32(type)) { for _ in 0..<width { $0.number(1 as UInt8) } }
        }
        builder.pair("tokenizer.ggml.tokens", type: 9) { value in
            value.number(8 as UInt32)
            value.number(300 as UInt64)
            for index in 0..<300 { value.text("t\(index)") }
        }
        builder.pair("nested", type: 9) { value in
            value.number(9 as UInt32)
            value.number(2 as UInt64)
            for _ in 0..<2 {
                value.number(4 as UInt32)
                value.number(3 as UInt64)
                for number in 0..<3 { value.number(UInt32(number)) }
            }
        }
        builder.pair("other.context_length", type: 4) { $0.number(1 as UInt32) }
        builder.pair("llama.context_length", type: 4) { $0.number(4096 as UInt32) }
        builder.pair("tokenizer.chat_template", type: 8) { $0.text("{{ messages }}") }
        builder.tensor("token_embd.weight", [64, 300], type: 8)
        builder.tensor("blk.0.attn_q.weight", [64, 64], type: 2)
        builder.tensor("blk.12.ffn_up.weight", [64, 32, 4], type: 30)
        return builder
    }
}

@Suite struct GGUFHeaderTests {
    private let file = GGUFBuilder.sample.file()

    private func parse(_ bytes: [UInt8], fileSize: Int64? = nil) -> Result<GGUFHeader?, GGUFError> {
        Result { () throws(GGUFError) in try GGUFHeader.parse(bytes, fileSize: fileSize ?? Int64(bytes.count)) }
    }

    @Test func aHeaderIsReadWhateverStandsBetween() throws {
        let header = try #require(try self.parse(self.file, fileSize: 1_000_000).get())
        #expect(header.architecture == "llama" && header.name == "näme" && header.contextLength == 4096)
        #expect(header.hasChatTemplate && header.version == 3 && header.tensorCount == 3)
        #expect(header.sizeBytes == 1_000_000)
    }

    @Test func everyPrefixAsksForMoreOrIsTruncated() {
        for count in 0..<self.file.count {
            let prefix = Array(self.file[..<count])
            #expect(self.parse(prefix, fileSize: Int64(self.file.count)) == .success(nil), "\(count) bytes")
            let cut = self.parse(prefix)
            if case .success = cut { Issue.record("\(count) bytes passed for a whole header") }
        }
    }

    @Test func noDamageTraps() {
        var generator = SplitMix(state: 1)
        var refused = 0
        for _ in 0..<20_000 {
            var bytes = self.file
            for _ in 0..<Int.random(in: 1...8, using: &generator) {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                bytes[index] =
                    [0, 1, 0x7F, 0x80, 0xFF, UInt8.random(in: 0...255, using: &generator)]
                    .randomElement(using: &generator) ?? 0
            }
            bytes.removeLast(Int.random(in: 0..<bytes.count, using: &generator) / 8)
            if case .failure(let error) = self.parse(bytes) {
                refused += 1
                #expect(!error.description.isEmpty)
            }
        }
        #expect(refused > 5000)
    }

    /// Named, since the runner prints arguments, and these are long.
    private static let notModels: [String: (bytes: [UInt8], error: GGUFError)] = [
        "another format": (Array("PK\u{3}\u{4}".utf8) + [0, 0, 0, 0], .notGGUF),
        "version 1": (GGUFBuilder.sample.file(version: 1), .unsupportedVersion(1)),
        "big-endian": (GGUFBuilder.sample.file(version: 0x0300_0000), .unsupportedVersion(0x0300_0000)),
        "no architecture": (GGUFBuilder().file(), .malformed("there is no 'general.architecture'")),
        "too many entries": (
            GGUFBuilder.sample.file(pairs: .max),
            .malformed("the number of metadata entries, 18446744073709551615, is more than the file can hold")
        ),
        "nothing": ([], .truncated(sizeBytes: 0)),
    ]

    @Test(arguments: notModels.keys.sorted())
    func whatIsNoModelIsNamed(what: String) throws {
        let (bytes, error) = try #require(Self.notModels[what])
        #expect(self.parse(bytes) == .failure(error))
    }

    @Test func lengthsBeyondTheFileAreRefusedWithoutReading() {
        var builder = GGUFBuilder()
        builder.pair("a", type: 9) { value in
            value.number(8 as UInt32)
            value.number(UInt64.max / 4)
        }
        #expect(
            self.parse(builder.file(), fileSize: 1 << 30)
                == .failure(.malformed("the length of an array, 4611686018427387903, is more than the file can hold"))
        )
    }

    @Test func deepNestingIsRefused() {
        var builder = GGUFBuilder()
        builder.pair("a", type: 9) { value in
            for _ in 0..<50 {
                value.number(9 as UInt32)
                value.number(1 as UInt64)
            }
        }
        #expect(self.parse(builder.file()) == .failure(.malformed("arrays are nested more than four deep")))
    }

    @Test func aHeaderLargerThanTheFirstBiteIsReadWhole() throws {
        let directory = try TemporaryDirectory()
        var builder = GGUFBuilder()
        builder.pair("tokenizer.ggml.tokens", type: 9) { value in
            value.number(8 as UInt32)
            value.number(100_000 as UInt64)
            for index in 0..<100_000 { value.text("token \(index)") }
        }
        builder.pair("general.architecture", type: 8) { $0.text("qwen3") }
        let path = "\(directory.path)/large.gguf"
        try Data(builder.file()).write(to: URL(filePath: path))
        #expect(builder.bytes.count > 1 << 20)
        #expect(try GGUFHeader.read(path: path).architecture == "qwen3")
    }

    @Test(arguments: ["/nowhere/x.gguf", "/tmp"])
    func aFileThatCannotBeReadIsAnError(path: String) {
        #expect(throws: GGUFError.self) { try GGUFHeader.read(path: path) }
    }

    @Test func theBundledModelsSayWhatTheyAre() throws {
        for (name, file) in BundledModels.files {
            let header = try GGUFHeader.read(path: "\(packageRoot)/models/\(file)")
            #expect(header.architecture == "llama" && header.contextLength == 1024 && header.hasChatTemplate, "\(name)")
        }
    }
}

/// A small generator with a seed, so that a failing test fails again.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
