import SystemPackage

extension GGUFHeader {
    /// How much of a file may be header: the largest vocabularies of today need about 20 MiB.
    private static let limit = 256 << 20

    /// Reads the header of the model at `path`, in growing bites, and makes sure that all its weights are there: those
    /// of the other files too, when it is the first of several. Blocks.
    package static func read(path: String) throws(GGUFError) -> GGUFHeader {
        var header = try self.readOne(path: path)
        try header.checkComplete()
        guard header.partCount > 1 else { return header }
        let others = GGUFParts.all(of: path, count: header.partCount)
        var missing: [String] = []
        for other in others where other != path {
            do {
                let part = try self.readOne(path: other)
                try part.checkComplete()
                header.tensors += part.tensors
                header.sizeBytes += part.sizeBytes
            } catch {
                guard case .unreadable = error else {
                    throw .malformed("its part \(GGUFParts.fileName(other)) is unfit: \(error)")
                }
                missing.append(GGUFParts.fileName(other))
            }
        }
        guard missing.isEmpty, others.count == header.partCount else {
            throw .partsMissing(missing.isEmpty ? ["all but this one"] : missing, count: header.partCount)
        }
        return header
    }

    /// Reads the header of one file, whether or not its weights are there. Blocks.
    package static func readOne(path: String) throws(GGUFError) -> GGUFHeader {
        do {
            let file = try FileDescriptor.open(FilePath(path), .readOnly, options: [.closeOnExec])
            defer { try? file.close() }
            let size = try file.seek(offset: 0, from: .end)
            try file.seek(offset: 0, from: .start)
            var bytes: [UInt8] = []
            var wanted = 256 << 10
            while true {
                bytes = try Self.readMore(file, bytes, upTo: wanted)
                if let header = try GGUFHeader.parse(bytes, fileSize: size) { return header }
                guard bytes.count == wanted, wanted < Self.limit else { throw GGUFError.truncated(sizeBytes: size) }
                wanted *= 4
            }
        } catch let error as GGUFError {
            throw error
        } catch {
            throw .unreadable(reason: "\(error)")
        }
    }

    /// - Throws: ``GGUFError/incomplete(sizeBytes:promisedBytes:)`` when the file is shorter than it must be.
    package func checkComplete() throws(GGUFError) {
        guard self.promisedBytes <= self.sizeBytes else {
            throw .incomplete(sizeBytes: self.sizeBytes, promisedBytes: self.promisedBytes)
        }
    }

    private static func readMore(_ file: FileDescriptor, _ bytes: [UInt8], upTo count: Int) throws -> [UInt8] {
        let missing = count - bytes.count
        let more = try unsafe [UInt8](unsafeUninitializedCapacity: missing) { buffer, filled in
            while filled < missing {
                let rest = unsafe UnsafeMutableRawBufferPointer(
                    rebasing: UnsafeMutableRawBufferPointer(buffer)[filled...])
                let read = try unsafe file.read(into: rest)
                if read == 0 { return }
                filled += read
            }
        }
        return bytes + more
    }

    /// Reads a header from the first bytes of a file. Pure, and safe on any input.
    ///
    /// - Parameter fileSize: Of the whole file, in bytes; lengths beyond it are refused. Tensors may lie beyond it: see
    ///   ``checkComplete()``.
    /// - Returns: `nil` when the header goes on behind `prefix`.
    package static func parse(_ prefix: [UInt8], fileSize: Int64) throws(GGUFError) -> GGUFHeader? {
        var cursor = GGUFCursor(bytes: prefix, fileSize: fileSize)
        do {
            return try Self.parse(&cursor)
        } catch {
            switch error {
            case .refused(let reason): throw reason
            case .needsMore:
                guard Int64(prefix.count) < fileSize else { throw .truncated(sizeBytes: fileSize) }
                return nil
            }
        }
    }

    private static func parse(_ cursor: inout GGUFCursor) throws(GGUFCursor.Stop) -> GGUFHeader {
        guard try cursor.take(4) == ArraySlice("GGUF".utf8) else { throw .refused(.notGGUF) }
        let version = try cursor.integer(UInt32.self)
        guard version == 2 || version == 3 else { throw .refused(.unsupportedVersion(version)) }
        let tensorCount = try cursor.integer(UInt64.self)
        let pairs = try cursor.integer(UInt64.self)
        try cursor.checkFits(count: pairs, each: 13, "the number of metadata entries")
        var metadata = GGUFMetadata()
        for _ in 0..<pairs { try metadata.readPair(&cursor) }
        guard let architecture = metadata.texts["general.architecture"] else {
            throw .refused(.malformed("there is no 'general.architecture'"))
        }
        // A name's length, the number of dimensions, one of them, type and offset.
        try cursor.checkFits(count: tensorCount, each: 32, "the number of tensors")
        var table = GGUFTensorTable()
        for _ in 0..<tensorCount { try table.readEntry(&cursor) }
        var header = GGUFHeader(
            version: version,
            architecture: architecture,
            hasChatTemplate: metadata.template != nil,
            tensorCount: tensorCount,
            sizeBytes: cursor.fileSize
        )
        try header.take(metadata)
        let alignment = metadata.number("general.alignment") ?? 32
        guard (1...1 << 20).contains(alignment) else {
            throw .refused(.malformed("an alignment of \(alignment) makes no sense"))
        }
        header.dataOffset = Int64((cursor.position + alignment - 1) / alignment * alignment)
        header.tensors = table.tensors(dataBytes: header.sizeBytes - header.dataOffset)
        return header
    }

    private mutating func take(_ metadata: GGUFMetadata) throws(GGUFCursor.Stop) {
        let architecture = self.architecture
        let own = { (key: String) in "\(architecture).\(key)" }
        self.type = metadata.texts["general.type"]
        self.name = metadata.texts["general.name"]
        self.fileType = metadata.number("general.file_type")
        self.contextLength = metadata.number(own("context_length"))
        self.blockCount = metadata.number(own("block_count"))
        guard (self.blockCount ?? 0) <= 1 << 16 else {
            throw .refused(.malformed("\(self.blockCount ?? 0) is no number of layers"))
        }
        self.embeddingLength = metadata.number(own("embedding_length"))
        self.feedForwardLength = metadata.perLayer(own("feed_forward_length"))
        self.headCount = metadata.perLayer(own("attention.head_count"))
        self.headCountKV = metadata.perLayer(own("attention.head_count_kv"))
        self.keyLength = metadata.number(own("attention.key_length"))
        self.valueLength = metadata.number(own("attention.value_length"))
        self.slidingWindow = metadata.number(own("attention.sliding_window"))
        self.slidingWindowPattern = metadata.perLayer(own("attention.sliding_window_pattern"))
        self.expertUsedCount = metadata.number(own("expert_used_count"))
        self.expertFeedForwardLength = metadata.number(own("expert_feed_forward_length"))
        if let inner = metadata.number(own("ssm.inner_size")), let state = metadata.number(own("ssm.state_size")) {
            let perChannel = state.saturatingAdd(max(0, (metadata.number(own("ssm.conv_kernel")) ?? 1) - 1))
            self.recurrentState = inner.saturatingMultiply(perChannel)
        }
        self.vocabularySize = metadata.vocabularySize ?? metadata.number(own("vocab_size"))
        self.poolingType = metadata.number(own("pooling_type"))
        self.templateKnowsTools = metadata.templateHolds(["tools", "tool_call"])
        self.templateKnowsReasoning = metadata.templateHolds([
            "<think>", "reasoning_content", "enable_thinking", "<|channel|>analysis",
        ])
        if let count = metadata.number("split.count"), count > 1 {
            guard count <= 99_999 else { throw .refused(.malformed("\(count) is no number of parts")) }
            self.partCount = count
            self.partIndex = metadata.number("split.no")
        }
    }
}

/// The tensor table of a GGUF file while it is read.
private struct GGUFTensorTable {
    private var entries: [GGUFTensor] = []

    mutating func readEntry(_ cursor: inout GGUFCursor) throws(GGUFCursor.Stop) {
        let name = try cursor.text()
        let count = try cursor.integer(UInt32.self)
        guard count <= 4 else {
            throw .refused(.malformed("tensor '\(name.prefix(64))' has \(count) dimensions; four are the most"))
        }
        var dimensions: [Int64] = []
        var elements: Int64 = 1
        for _ in 0..<count {
            let length = try cursor.integer(UInt64.self)
            guard let signed = Int64(exactly: length), signed > 0,
                case (let product, let overflow) = elements.multipliedReportingOverflow(by: signed), !overflow,
                product < 1 << 56
            else {
                throw .refused(.malformed("tensor '\(name.prefix(64))' has a dimension of \(length)"))
            }
            elements = product
            dimensions.append(signed)
        }
        let type = try cursor.integer(UInt32.self)
        let offset = try cursor.integer(UInt64.self)
        guard offset < 1 << 60 else {
            throw .refused(.malformed("tensor '\(name.prefix(64))' lies at byte \(offset)"))
        }
        let block = GGUFTensor.blocks[type]
        // -1: of a type that we do not know; ``tensors(dataBytes:)`` puts in what there is room for.
        let size = block.map { (elements + $0.elements - 1) / $0.elements * $0.bytes } ?? -1
        self.entries.append(
            GGUFTensor(name: name, dimensions: dimensions, type: type, offset: Int64(offset), sizeBytes: size))
    }

    /// The entries; those of unknown types reach to the next one or to the end of the file.
    func tensors(dataBytes: Int64) -> [GGUFTensor] {
        guard self.entries.contains(where: { $0.sizeBytes < 0 }) else { return self.entries }
        let offsets = self.entries.map(\.offset).sorted()
        return self.entries.map { entry in
            guard entry.sizeBytes < 0 else { return entry }
            var known = entry
            let next = offsets.first { $0 > entry.offset } ?? max(entry.offset, dataBytes)
            known.sizeBytes = next - entry.offset
            return known
        }
    }
}

/// The names of models that were split by `llama-gguf-split`: `NAME-00001-of-00003.gguf`.
package enum GGUFParts {
    /// The number of the part, from 1, the number of parts, and the name before them; `nil` for other names.
    package static func parse(_ fileName: String) -> (stem: String, index: Int, count: Int)? {
        guard fileName.hasSuffix(".gguf") else { return nil }
        let pieces = fileName.dropLast(5).split(separator: "-", omittingEmptySubsequences: false)
        guard pieces.count >= 4, pieces[pieces.count - 2] == "of",
            let index = Self.number(pieces[pieces.count - 3]), let count = Self.number(pieces[pieces.count - 1]),
            (1...max(1, count)).contains(index)
        else { return nil }
        return (pieces.dropLast(3).joined(separator: "-"), index, count)
    }

    /// The paths of all parts of the model that `path` is the first of; only `path` when its name does not tell.
    package static func all(of path: String, count: Int) -> [String] {
        let name = Self.fileName(path)
        guard let (stem, _, told) = Self.parse(name), told == count else { return [path] }
        let folder = path.dropLast(name.count)
        return (1...count).map { "\(folder)\(stem)-\(Self.padded($0))-of-\(Self.padded(count)).gguf" }
    }

    static func fileName(_ path: String) -> String {
        path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
    }

    private static func number(_ digits: Substring) -> Int? {
        digits.utf8.count == 5 && digits.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(digits) : nil
    }

    private static func padded(_ number: Int) -> String {
        let digits = "\(number)"
        return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }
}

extension FixedWidthInteger {
    /// The sum, or the largest or smallest number where it overflows.
    func saturatingAdd(_ other: Self) -> Self {
        let (sum, overflow) = self.addingReportingOverflow(other)
        return overflow ? (other > 0 ? .max : .min) : sum
    }

    /// The product of two numbers that are not negative, or the largest number where it overflows.
    func saturatingMultiply(_ other: Self) -> Self {
        let (product, overflow) = self.multipliedReportingOverflow(by: other)
        return overflow ? .max : product
    }
}
