import SystemPackage

/// What the head of a GGUF file says about the model in it.
///
/// The format is that of ggml's `docs/gguf.md`, versions 2 and 3, little-endian. Only metadata is read, never weights,
/// so that a wrong or damaged file gets a sentence before an engine is started on it.
package struct GGUFHeader: Sendable, Hashable {
    /// 2 or 3.
    package var version: UInt32
    /// `general.architecture`: `llama`, `qwen3`, `bert`.
    package var architecture: String
    /// `general.name`, where the file has one.
    package var name: String?
    /// The context that the model was trained for, in tokens, where the file says.
    package var contextLength: Int?
    /// Whether the file brings a chat template; without one, llama.cpp guesses.
    package var hasChatTemplate: Bool
    /// Number of tensors.
    package var tensorCount: UInt64
    /// Of the whole file.
    package var sizeBytes: Int64
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
    /// A length, a type or a text in the header makes no sense.
    case malformed(String)

    package var description: String {
        switch self {
        case .unreadable(let reason): "it cannot be read: \(reason)"
        case .notGGUF: "it is not a GGUF file: the first four bytes are not 'GGUF'"
        case .unsupportedVersion(let version):
            "it is GGUF version \(version); versions 2 and 3 (little-endian) can be read"
        case .truncated(let size): "it ends inside its header, after \(size) bytes: was the download complete?"
        case .malformed(let what): "its GGUF header is damaged: \(what)"
        }
    }
}

extension GGUFHeader {
    /// How much of a file may be header: the largest vocabularies of today need about 20 MiB.
    private static let limit = 256 << 20

    /// Reads the header of the file at `path`, in growing bites. Blocks.
    package static func read(path: String) throws(GGUFError) -> GGUFHeader {
        do {
            let file = try FileDescriptor.open(FilePath(path), .readOnly)
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
    /// - Parameter fileSize: Of the whole file, in bytes; lengths beyond it are refused.
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

        var texts: [String: String] = [:]
        var contextLengths: [String: UInt64] = [:]
        var hasChatTemplate = false
        for _ in 0..<pairs {
            let key = try cursor.text()
            let type = try cursor.valueType()
            switch (key, type) {
            case ("general.architecture", .string), ("general.name", .string):
                texts[key] = try cursor.text()
            case ("tokenizer.chat_template", .string):
                hasChatTemplate = true
                try cursor.skipText()
            case (_, .uint32) where key.hasSuffix(".context_length"):
                contextLengths[key] = UInt64(try cursor.integer(UInt32.self))
            case (_, .uint64) where key.hasSuffix(".context_length"):
                contextLengths[key] = try cursor.integer(UInt64.self)
            default:
                try cursor.skip(type, depth: 0)
            }
        }
        guard let architecture = texts["general.architecture"] else {
            throw .refused(.malformed("there is no 'general.architecture'"))
        }
        return GGUFHeader(
            version: version,
            architecture: architecture,
            name: texts["general.name"],
            contextLength: contextLengths["\(architecture).context_length"].flatMap { Int(exactly: $0) },
            hasChatTemplate: hasChatTemplate,
            tensorCount: tensorCount,
            sizeBytes: cursor.fileSize
        )
    }
}

/// A position in the first bytes of a GGUF file. Every read is checked; nothing traps.
private struct GGUFCursor {
    enum Stop: Error {
        case needsMore
        case refused(GGUFError)
    }

    /// `gguf_type` of ggml's `gguf.h`.
    enum ValueType: UInt32 {
        case uint8, int8, uint16, int16, uint32, int32, float32, bool, string, array, uint64, int64, float64

        /// `nil` for those of varying size.
        var size: Int? {
            switch self {
            case .uint8, .int8, .bool: 1
            case .uint16, .int16: 2
            case .uint32, .int32, .float32: 4
            case .uint64, .int64, .float64: 8
            case .string, .array: nil
            }
        }
    }

    let bytes: [UInt8]
    let fileSize: Int64
    private var position = 0

    init(bytes: [UInt8], fileSize: Int64) {
        self.bytes = bytes
        self.fileSize = fileSize
    }

    mutating func take(_ count: Int) throws(Stop) -> ArraySlice<UInt8> {
        guard self.bytes.count - self.position >= count else { throw .needsMore }
        defer { self.position += count }
        return self.bytes[self.position..<self.position + count]
    }

    mutating func integer<Number: FixedWidthInteger>(_: Number.Type) throws(Stop) -> Number {
        try self.take(Number.bitWidth / 8).reversed().reduce(0) { $0 << 8 | Number($1) }
    }

    /// Refuses a count of things that could not fit into the rest of the file.
    func checkFits(count: UInt64, each size: Int, _ what: String) throws(Stop) {
        let (total, overflow) = count.multipliedReportingOverflow(by: UInt64(size))
        guard !overflow, total <= UInt64(max(0, self.fileSize - Int64(self.position))) else {
            throw .refused(.malformed("\(what), \(count), is more than the file can hold"))
        }
    }

    private mutating func length(_ what: String) throws(Stop) -> Int {
        let length = try self.integer(UInt64.self)
        try self.checkFits(count: length, each: 1, what)
        return Int(length)
    }

    mutating func text() throws(Stop) -> String {
        let count = try self.length("the length of a text")
        return String(decoding: try self.take(count), as: UTF8.self)
    }

    mutating func skipText() throws(Stop) {
        let count = try self.length("the length of a text")
        _ = try self.take(count)
    }

    mutating func valueType() throws(Stop) -> ValueType {
        let raw = try self.integer(UInt32.self)
        guard let type = ValueType(rawValue: raw) else {
            throw .refused(.malformed("\(raw) is not the number of a value type"))
        }
        return type
    }

    mutating func skip(_ type: ValueType, depth: Int) throws(Stop) {
        if let size = type.size {
            _ = try self.take(size)
        } else if type == .string {
            try self.skipText()
        } else {
            try self.skipArray(depth: depth)
        }
    }

    private mutating func skipArray(depth: Int) throws(Stop) {
        guard depth < 4 else { throw .refused(.malformed("arrays are nested more than four deep")) }
        let type = try self.valueType()
        let count = try self.integer(UInt64.self)
        // A text takes at least its length, an array its type and count.
        try self.checkFits(count: count, each: type.size ?? 8, "the length of an array")
        if let size = type.size {
            _ = try self.take(Int(count) * size)
        } else {
            for _ in 0..<count { try self.skip(type, depth: depth + 1) }
        }
    }
}
