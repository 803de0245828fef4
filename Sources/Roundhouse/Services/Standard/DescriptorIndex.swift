import FoundationEssentials

/// What a descriptor set declares, and where: the lookups of server reflection.
///
/// Files are kept as the compiler's own bytes. A re-encoding may drop or reorder what the encoder does not know
/// (custom options, source info), and clients compare such bytes with those of their own generated code.
struct DescriptorIndex: Sendable {
    private struct File {
        let contents: Data
        let imports: [String]
    }

    private var files: [String: File] = [:]
    private var messages: Set<String> = []
    /// File by fully-qualified name of all that it declares.
    private var fileBySymbol: [String: String] = [:]
    /// File by extended message and field number.
    private var fileByExtension: [String: [Int32: String]] = [:]

    /// Indexes a serialized `google.protobuf.FileDescriptorSet`.
    init(descriptorSet: [UInt8]) throws(WireReader.Malformed) {
        var reader = WireReader(descriptorSet)
        while let field = try reader.next() {
            // FileDescriptorSet.file
            if field.number == 1, case .range(let range) = field.value {
                try add(file: range, of: reader)
            }
        }
    }

    func file(named name: String) -> String? {
        files[name] == nil ? nil : name
    }

    /// The file that declares a package member: a service, method, message, field, oneof, enum, enum value or extension.
    func file(declaring symbol: String) -> String? {
        fileBySymbol[symbol]
    }

    func file(extending message: String, number: Int32) -> String? {
        fileByExtension[message]?[number]
    }

    /// The numbers of all known extensions of a message, ascending. Nil when there is no such message.
    func extensionNumbers(of message: String) -> [Int32]? {
        if let known = fileByExtension[message] { return known.keys.sorted() }
        return messages.contains(message) ? [] : nil
    }

    /// A file and everything that it imports, directly or not, each once, the file itself first.
    func contents(of name: String) -> [Data] {
        var found: [Data] = []
        var seen: Set<String> = [name]
        var queue = [name]
        var next = 0
        while next < queue.count {
            if let file = files[queue[next]] {
                found.append(file.contents)
                queue.append(contentsOf: file.imports.filter { seen.insert($0).inserted })
            }
            next += 1
        }
        return found
    }
}

// MARK: - Reading descriptors
// The numbers below are the field numbers of google/protobuf/descriptor.proto.

extension DescriptorIndex {
    private mutating func add(file range: Range<Int>, of parent: WireReader) throws(WireReader.Malformed) {
        var name = ""
        var package = ""
        var imports: [String] = []
        var reader = WireReader(parent.bytes, at: range)
        while let field = try reader.next() {
            guard case .range(let value) = field.value else { continue }
            switch field.number {
            case 1: name = reader.string(at: value)
            case 2: package = reader.string(at: value)
            case 3: imports.append(reader.string(at: value))
            default: break
            }
        }
        files[name] = File(contents: Data(parent.bytes[range]), imports: imports)

        // Again for the declarations, since nothing says that the package comes before them.
        var declarations = WireReader(parent.bytes, at: range)
        while let field = try declarations.next() {
            guard case .range(let value) = field.value else { continue }
            switch field.number {
            case 4: try add(message: value, in: package, of: name, from: reader)
            case 5: try add(enumeration: value, in: package, of: name, from: reader)
            case 6: try add(service: value, in: package, of: name, from: reader)
            case 7: try add(extension: value, in: package, of: name, from: reader)
            default: break
            }
        }
    }

    private mutating func add(
        message range: Range<Int>, in scope: String, of file: String, from parent: WireReader
    ) throws(WireReader.Malformed) {
        let message = try declare(range, in: scope, of: file, from: parent)
        messages.insert(message)
        var reader = WireReader(parent.bytes, at: range)
        while let field = try reader.next() {
            guard case .range(let value) = field.value else { continue }
            switch field.number {
            case 2, 8: _ = try declare(value, in: message, of: file, from: parent)
            case 3: try add(message: value, in: message, of: file, from: parent)
            case 4: try add(enumeration: value, in: message, of: file, from: parent)
            case 6: try add(extension: value, in: message, of: file, from: parent)
            default: break
            }
        }
    }

    private mutating func add(
        enumeration range: Range<Int>, in scope: String, of file: String, from parent: WireReader
    ) throws(WireReader.Malformed) {
        _ = try declare(range, in: scope, of: file, from: parent)
        var reader = WireReader(parent.bytes, at: range)
        while let field = try reader.next() {
            // Values are siblings of their enum, as in C++.
            if field.number == 2, case .range(let value) = field.value {
                _ = try declare(value, in: scope, of: file, from: parent)
            }
        }
    }

    private mutating func add(
        service range: Range<Int>, in scope: String, of file: String, from parent: WireReader
    ) throws(WireReader.Malformed) {
        let service = try declare(range, in: scope, of: file, from: parent)
        var reader = WireReader(parent.bytes, at: range)
        while let field = try reader.next() {
            if field.number == 2, case .range(let value) = field.value {
                _ = try declare(value, in: service, of: file, from: parent)
            }
        }
    }

    private mutating func add(
        extension range: Range<Int>, in scope: String, of file: String, from parent: WireReader
    ) throws(WireReader.Malformed) {
        _ = try declare(range, in: scope, of: file, from: parent)
        var extendee = ""
        var number: Int32 = 0
        var reader = WireReader(parent.bytes, at: range)
        while let field = try reader.next() {
            switch (field.number, field.value) {
            // The compiler writes resolved names with a leading dot.
            case (2, .range(let value)): extendee = String(reader.string(at: value).trimmingPrefix("."))
            case (3, .varint(let value)): number = Int32(truncatingIfNeeded: value)
            default: break
            }
        }
        fileByExtension[extendee, default: [:]][number] = file
    }

    /// Files the symbol whose descriptor lies at `range`: field 1 is the name in all of them. Returns its full name.
    private mutating func declare(
        _ range: Range<Int>, in scope: String, of file: String, from parent: WireReader
    ) throws(WireReader.Malformed) -> String {
        var reader = WireReader(parent.bytes, at: range)
        while let field = try reader.next() {
            guard field.number == 1, case .range(let value) = field.value else { continue }
            let name = reader.string(at: value)
            let full = scope.isEmpty ? name : "\(scope).\(name)"
            fileBySymbol[full] = file
            return full
        }
        throw WireReader.Malformed(offset: range.lowerBound, expected: "a descriptor with a name")
    }
}
