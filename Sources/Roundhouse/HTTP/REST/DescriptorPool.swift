/// What the API consists of, read once from its descriptor set: messages, enumerations and services with their comments
/// and HTTP annotations. Whatever speaks HTTP is made from it, so that a change of a proto changes routes, JSON and
/// documentation at once.
struct DescriptorPool: Sendable {
    /// By full name: `roundhouse.v1.GetModelRequest`. Those of nested messages and of map entries too.
    private(set) var messages: [String: ProtoMessage] = [:]
    private(set) var enums: [String: ProtoEnum] = [:]
    /// In the order of files and of the proto; those of gRPC itself too, which have no routes.
    private(set) var services: [ProtoService] = []

    /// - Parameter descriptorSet: a serialized `google.protobuf.FileDescriptorSet`, source info included.
    init(descriptorSet: [UInt8]) throws(WireReader.Malformed) {
        var reader = WireReader(descriptorSet)
        while let field = try reader.next() {
            // FileDescriptorSet.file
            if field.number == 1, case .range(let range) = field.value { try self.add(file: range, of: reader) }
        }
    }

    func message(_ name: String) -> ProtoMessage? { self.messages[name] }
    func enumeration(_ name: String) -> ProtoEnum? { self.enums[name] }

    /// The message of a field that is one; `nil` for others.
    func message(of field: ProtoField) -> ProtoMessage? {
        if case .message(let name) = field.kind { self.messages[name] } else { nil }
    }

    /// The key and the value of a map; `nil` when the field is none.
    func entry(of field: ProtoField) -> (key: ProtoField, value: ProtoField)? {
        guard field.isRepeated, let entry = self.message(of: field), entry.isMapEntry,
            let key = entry.field(number: 1), let value = entry.field(number: 2)
        else { return nil }
        return (key, value)
    }
}

// MARK: - Reading
// The numbers below are the field numbers of google/protobuf/descriptor.proto.

extension DescriptorPool {
    private mutating func add(file range: Range<Int>, of parent: WireReader) throws(WireReader.Malformed) {
        var package = ""
        var comments = ProtoComments()
        var reader = WireReader(parent.bytes, at: range)
        while let field = try reader.next() {
            guard case .range(let value) = field.value else { continue }
            switch field.number {
            case 2: package = reader.string(at: value)
            case 9: comments = try ProtoComments(at: value, of: reader)
            default: break
            }
        }
        // Again for the declarations, since source info comes after them.
        var place = ProtoComments.Counter()
        var declarations = WireReader(parent.bytes, at: range)
        while let field = try declarations.next() {
            guard case .range(let value) = field.value else { continue }
            let source = Source(reader: parent, comments: comments, path: place.next(field.number))
            switch field.number {
            case 4: try self.add(message: value, in: package, source)
            case 5: try self.add(enumeration: value, in: package, source)
            case 6: try self.add(service: value, in: package, source)
            default: break
            }
        }
    }

    /// Where a declaration is read from.
    private struct Source {
        let reader: WireReader
        let comments: ProtoComments
        /// Of the declaration, as source info has it.
        let path: [Int]

        var comment: String { self.comments[self.path] }

        func child(_ step: [Int]) -> Source {
            Source(reader: self.reader, comments: self.comments, path: self.path + step)
        }

        func fields(at range: Range<Int>) -> WireReader { WireReader(self.reader.bytes, at: range) }

        /// Field 1 of every declaration.
        func name(at range: Range<Int>, in scope: String) throws(WireReader.Malformed) -> String {
            var reader = self.fields(at: range)
            while let field = try reader.next() {
                guard field.number == 1, case .range(let value) = field.value else { continue }
                let name = reader.string(at: value)
                return scope.isEmpty ? name : "\(scope).\(name)"
            }
            throw WireReader.Malformed(offset: range.lowerBound, expected: "a descriptor with a name")
        }
    }

    private mutating func add(
        message range: Range<Int>, in scope: String, _ source: Source
    ) throws(WireReader.Malformed) {
        var message = ProtoMessage(name: try source.name(at: range, in: scope))
        message.comment = source.comment
        var place = ProtoComments.Counter()
        var synthetic: Set<Int> = []
        var reader = source.fields(at: range)
        while let field = try reader.next() {
            guard case .range(let value) = field.value else { continue }
            let child = source.child(place.next(field.number))
            switch field.number {
            case 2:
                let (field, isOptional) = try Self.field(at: value, child)
                message.fields.append(field)
                if isOptional, let oneof = field.oneof { synthetic.insert(oneof) }
            case 3: try self.add(message: value, in: message.name, child)
            case 4: try self.add(enumeration: value, in: message.name, child)
            case 7: message.isMapEntry = try Self.flag(7, at: value, child)
            case 8:
                message.oneofs.append(
                    ProtoOneof(name: try child.name(at: value, in: ""), comment: child.comment))
            default: break
            }
        }
        for index in message.fields.indices {
            // The compiler makes a oneof of each `optional` field, after all others.
            if let oneof = message.fields[index].oneof, synthetic.contains(oneof) { message.fields[index].oneof = nil }
        }
        message.oneofs.removeLast(min(synthetic.count, message.oneofs.count))
        message.indexFields()
        self.messages[message.name] = message
    }

    private static func field(
        at range: Range<Int>, _ source: Source
    ) throws(WireReader.Malformed) -> (field: ProtoField, isOptional: Bool) {
        var field = ProtoField()
        field.comment = source.comment
        var (type, typeName, isOptional) = (0, "", false)
        var reader = source.fields(at: range)
        while let part = try reader.next() {
            switch (part.number, part.value) {
            case (1, .range(let value)): field.name = reader.string(at: value)
            case (3, .varint(let value)): field.number = Int(truncatingIfNeeded: value)
            case (4, .varint(let value)): field.isRepeated = value == 3
            case (5, .varint(let value)): type = Int(truncatingIfNeeded: value)
            // The compiler writes resolved names with a leading dot.
            case (6, .range(let value)): typeName = String(reader.string(at: value).trimmingPrefix("."))
            case (8, .range(let value)): field.isDeprecated = try Self.flag(3, at: value, source)
            case (9, .varint(let value)): field.oneof = Int(truncatingIfNeeded: value)
            case (10, .range(let value)): field.jsonName = reader.string(at: value)
            case (17, .varint(let value)): isOptional = value != 0
            default: break
            }
        }
        guard let kind = ProtoField.Kind(type: type, name: typeName) else {
            throw WireReader.Malformed(offset: range.lowerBound, expected: "a field of a type that proto3 has")
        }
        field.kind = kind
        if case .message = kind { field.hasPresence = !field.isRepeated }
        if field.oneof != nil { field.hasPresence = true }
        return (field, isOptional)
    }

    private mutating func add(
        enumeration range: Range<Int>, in scope: String, _ source: Source
    ) throws(WireReader.Malformed) {
        var enumeration = ProtoEnum(name: try source.name(at: range, in: scope))
        enumeration.comment = source.comment
        var place = ProtoComments.Counter()
        var reader = source.fields(at: range)
        while let field = try reader.next() {
            guard field.number == 2, case .range(let range) = field.value else { continue }
            let child = source.child(place.next(2))
            var value = ProtoEnum.Value()
            value.comment = child.comment
            var parts = source.fields(at: range)
            while let part = try parts.next() {
                switch (part.number, part.value) {
                case (1, .range(let name)): value.name = parts.string(at: name)
                case (2, .varint(let number)): value.number = Int32(truncatingIfNeeded: number)
                case (3, .range(let options)): value.isDeprecated = try Self.flag(1, at: options, source)
                default: break
                }
            }
            enumeration.values.append(value)
        }
        self.enums[enumeration.name] = enumeration
    }

    private mutating func add(
        service range: Range<Int>, in scope: String, _ source: Source
    ) throws(WireReader.Malformed) {
        var service = ProtoService(name: try source.name(at: range, in: scope))
        service.comment = source.comment
        var place = ProtoComments.Counter()
        var reader = source.fields(at: range)
        while let field = try reader.next() {
            guard field.number == 2, case .range(let value) = field.value else { continue }
            service.methods.append(try Self.method(at: value, source.child(place.next(2))))
        }
        self.services.append(service)
    }

    private static func method(
        at range: Range<Int>, _ source: Source
    ) throws(WireReader.Malformed) -> ProtoMethod {
        var method = ProtoMethod()
        method.comment = source.comment
        var reader = source.fields(at: range)
        while let field = try reader.next() {
            switch (field.number, field.value) {
            case (1, .range(let value)): method.name = reader.string(at: value)
            case (2, .range(let value)): method.inputType = String(reader.string(at: value).trimmingPrefix("."))
            case (3, .range(let value)): method.outputType = String(reader.string(at: value).trimmingPrefix("."))
            case (4, .range(let value)):
                method.isDeprecated = try Self.flag(33, at: value, source)
                var options = source.fields(at: value)
                while let option = try options.next() {
                    guard option.number == HTTPRule.extensionNumber, case .range(let rule) = option.value else {
                        continue
                    }
                    method.rules = try HTTPRule.all(at: rule, of: options)
                }
            case (5, .varint(let value)): method.isClientStreaming = value != 0
            case (6, .varint(let value)): method.isServerStreaming = value != 0
            default: break
            }
        }
        return method
    }

    /// Whether an option is set.
    private static func flag(
        _ number: Int, at range: Range<Int>, _ source: Source
    ) throws(WireReader.Malformed) -> Bool {
        var (reader, flag) = (source.fields(at: range), false)
        while let field = try reader.next() {
            if field.number == number, case .varint(let value) = field.value { flag = value != 0 }
        }
        return flag
    }
}

extension ProtoField.Kind {
    /// - Parameters:
    ///   - type: of `google.protobuf.FieldDescriptorProto.Type`; groups are not known here.
    ///   - name: of the message or enumeration.
    init?(type: Int, name: String) {
        switch type {
        case 1: self = .double
        case 2: self = .float
        case 3: self = .int64
        case 4: self = .uint64
        case 5: self = .int32
        case 6: self = .fixed64
        case 7: self = .fixed32
        case 8: self = .bool
        case 9: self = .string
        case 11: self = .message(name)
        case 12: self = .bytes
        case 13: self = .uint32
        case 14: self = .enumeration(name)
        case 15: self = .sfixed32
        case 16: self = .sfixed64
        case 17: self = .sint32
        case 18: self = .sint64
        default: return nil
        }
    }
}
