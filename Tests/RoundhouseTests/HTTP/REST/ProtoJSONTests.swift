import FoundationEssentials
import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import Roundhouse

@Suite("Messages as JSON")
struct ProtoJSONTests {
    private static let pool = Result { try DescriptorPool.own() }

    private static func json(_ message: some SwiftProtobuf.Message) throws -> String {
        let pool = try Self.pool.get()
        let type = try #require(pool.message(type(of: message).protoMessageName))
        return String(decoding: try ProtoJSON.text(of: try message.serializedBytes(), type, pool), as: UTF8.self)
    }

    private static func read<M: SwiftProtobuf.Message>(_ text: String, as _: M.Type) throws -> (M, [FieldViolation]) {
        let pool = try Self.pool.get()
        var reader = ProtoReader(pool)
        let type = try #require(pool.message(M.protoMessageName))
        let draft = reader.message(try JSONText(text).root, type, at: "")
        return (try M(serializedBytes: draft.serialized), reader.violations)
    }

    private static let types: [any SwiftProtobuf.Message.Type] = [
        Roundhouse_V1_GenerateRequest.self, Roundhouse_V1_GenerateResponse.self,
        Roundhouse_V1_StreamGenerateResponse.self, Roundhouse_V1_Model.self, Roundhouse_V1_ListModelsResponse.self,
        Roundhouse_V1_GetTelemetryResponse.self, Roundhouse_V1_GetStatisticsResponse.self,
        Roundhouse_V1_CheckDependenciesResponse.self, Roundhouse_V1_WarmUpResponse.self,
        Roundhouse_V1_EmbedResponse.self, Roundhouse_V1_RequestRecord.self, Roundhouse_V1_GetConfigResponse.self,
        Roundhouse_V1_UpdateConfigRequest.self, Roundhouse_V1_GetHardwareResponse.self,
        Roundhouse_V1_ListEventsResponse.self, Roundhouse_V1_GetModelsStatusResponse.self,
    ]

    @Test("What SwiftProtobuf writes is read as the same message, and what is written it reads so", arguments: 0..<16)
    func agreement(index: Int) throws {
        try Self.agree(Self.types[index], seed: UInt64(index))
    }

    private static func agree<M: SwiftProtobuf.Message>(_: M.Type, seed: UInt64) throws {
        let pool = try Self.pool.get()
        let type = try #require(pool.message(M.protoMessageName))
        var random = SplitMix(seed)
        for round in 0..<60 {
            let message = try M(serializedBytes: pool.sample(of: type, depth: 4, &random).serialized)
            var options = JSONEncodingOptions()
            options.preserveProtoFieldNames = round.isMultiple(of: 2)
            options.alwaysPrintInt64sAsNumbers = round.isMultiple(of: 3)
            let (back, violations) = try Self.read(try message.jsonString(options: options), as: M.self)
            #expect(violations.isEmpty, "\(violations)")
            #expect(back.isEqualTo(message: message))
            let ours = try Self.json(message)
            #expect(try M(jsonString: ours).isEqualTo(message: message), "\(ours)")
        }
    }

    @Test("Every message of the API comes back from JSON as it was")
    func roundTrips() throws {
        let pool = try Self.pool.get()
        var random = SplitMix(7)
        for type in pool.messages.values.sorted(by: { $0.name < $1.name })
        where type.name.hasPrefix("roundhouse.v1.") && !type.isMapEntry {
            for _ in 0..<20 {
                let text = try ProtoJSON.text(of: pool.sample(of: type, depth: 4, &random).serialized, type, pool)
                var reader = ProtoReader(pool)
                let back = reader.message(try JSONText(text).root, type, at: "")
                #expect(reader.violations.isEmpty, "\(type.name): \(reader.violations)")
                let again = try ProtoJSON.text(of: back.serialized, type, pool)
                #expect(again == text, "\(type.name)")
            }
        }
    }

    @Test("Fields are there with their defaults, under the proto's names, and what is unset is not")
    func defaults() throws {
        #expect(
            try Self.json(Roundhouse_V1_ListAffordableModelsRequest())
                == #"{"page_size":0,"page_token":"","provider":""}"#)
        #expect(
            try Self.json(Roundhouse_V1_WarmUpSummary())
                == #"{"status":"","message":"","models_loaded":[],"loaded_counts":{},"total_loaded":0,"results":[],"elapsed_time_seconds":0}"#
        )
        let model = try Self.json(Roundhouse_V1_Model())
        for part in [
            #""loaded":false"#, #""state":"MODEL_STATE_UNSPECIFIED""#, #""capabilities":[]"#, #""size_bytes":0"#,
        ] {
            #expect(model.contains(part), "\(model)")
        }
        #expect(!model.contains("quality_score") && !model.contains("create_time") && !model.contains("null"))
    }

    @Test("Times, durations, numbers and characters are as JSON wants them")
    func scalars() throws {
        let message = Roundhouse_V1_Model.with {
            $0.id = "a/\"b\\\u{1}\n\u{7F}é漢🙂"
            $0.sizeBytes = .max
            $0.qualityScore = 0.1
            $0.createTime = .with { ($0.seconds, $0.nanos) = (951_782_400, 120_000_000) }
            $0.idleTtl = .with { ($0.seconds, $0.nanos) = (-1, -500_000) }
        }
        let text = try Self.json(message)
        for part in [
            #""id":"a/\"b\\\u0001\n\#u{7F}é漢🙂""#, #""size_bytes":9223372036854775807"#, #""quality_score":0.1"#,
            #""create_time":"2000-02-29T00:00:00.120Z""#, #""idle_ttl":"-1.000500s""#,
        ] { #expect(text.contains(part), "\(text)") }
    }

    @Test(
        "What is wrong is told by its field and its place",
        arguments: [
            (#"{"modle":"x"}"#, "modle", "is not a field of GenerateRequest (at byte 1)"),
            (#"{"model":3}"#, "model", "is 3 at byte 9; expected a string"),
            (#"{"model":["a"]}"#, "model", "is a list at byte 9; expected a string"),
            (#"{"model":"a","model":"b"}"#, "model", "is given twice (at byte 13)"),
            (#"{"messages":{}}"#, "messages", "is an object at byte 12; expected a list"),
            (
                #"{"messages":[{"parts":[{"text":1}]}]}"#, "messages[0].parts[0].text",
                "is 1 at byte 31; expected a string"
            ),
            (#"{"messages":[null]}"#, "messages[0]", "is null at byte 13; expected an object"),
            (
                #"{"messages":[{"role":"BOSS"}]}"#, "messages[0].role",
                "is 'BOSS' at byte 21; expected one of ROLE_UNSPECIFIED, "
            ),
            (#"[]"#, "body", "is a list at byte 0; expected an object"),
        ])
    func violations(text: String, field: String, description: String) throws {
        let (_, violations) = try Self.read(text, as: Roundhouse_V1_GenerateRequest.self)
        #expect(violations.map(\.field) == [field], "\(violations)")
        #expect(violations.first?.description.hasPrefix(description) == true, "\(violations)")
    }

    @Test("Every field at fault is told, not the first alone")
    func allViolations() throws {
        let (_, violations) = try Self.read(
            #"{"id":1,"size_bytes":"many","createTime":"yesterday","idle_ttl":"5","loaded":"true"}"#,
            as: Roundhouse_V1_Model.self)
        #expect(violations.map(\.field) == ["id", "size_bytes", "create_time", "idle_ttl", "loaded"])
    }

    @Test(
        "Numbers are taken in every way that JSON has, and no others",
        arguments: [
            ("3", 3), ("3.0", 3), ("3e2", 300), ("\"3\"", 3), ("-3", -3), ("9223372036854775807", .max),
            ("\"-9223372036854775808\"", .min), ("9223372036854775808", nil), ("3.5", nil), ("\"\"", nil),
            ("\" 3\"", nil),
            ("\"+3\"", nil), ("\"0x3\"", nil), ("true", nil), ("[3]", nil),
        ] as [(String, Int64?)])
    func integers(text: String, value: Int64?) throws {
        let (message, violations) = try Self.read("{\"size_bytes\":\(text)}", as: Roundhouse_V1_Model.self)
        #expect(violations.isEmpty == (value != nil), "\(violations)")
        if let value { #expect(message.sizeBytes == value) }
    }

    @Test(
        "Times are taken with any offset, and only when there is such a day",
        arguments: [
            ("1970-01-01T00:00:00Z", 0, 0), ("2000-02-29T23:59:59.5Z", 951_868_799, 500_000_000),
            ("1969-12-31T23:59:59.999999999Z", -1, 999_999_999), ("2026-01-01T01:30:00+01:30", 1_767_225_600, 0),
            ("2025-12-31t16:00:00-08:00", 1_767_225_600, 0), ("0001-01-01T00:00:00Z", -62_135_596_800, 0),
            ("9999-12-31T23:59:59Z", 253_402_300_799, 0), ("2001-02-29T00:00:00Z", nil, 0),
            ("1900-02-29T00:00:00Z", nil, 0), ("2000-13-01T00:00:00Z", nil, 0), ("2000-01-01T24:00:00Z", nil, 0),
            ("2000-01-01 00:00:00Z", nil, 0), ("2000-01-01T00:00:00", nil, 0), ("2000-01-01T00:00:00.Z", nil, 0),
            ("0000-01-01T00:00:00Z", nil, 0), ("", nil, 0),
        ] as [(String, Int64?, Int32)])
    func times(text: String, seconds: Int64?, nanoseconds: Int32) throws {
        let (message, violations) = try Self.read("{\"create_time\":\"\(text)\"}", as: Roundhouse_V1_Model.self)
        #expect(violations.isEmpty == (seconds != nil), "\(violations)")
        if let seconds {
            #expect(message.createTime.seconds == seconds && message.createTime.nanos == nanoseconds)
        }
    }

    @Test("Only those messages of google.protobuf are used that have their JSON here")
    func wellKnownTypes() throws {
        let pool = try Self.pool.get()
        var used: Set<String> = []
        for type in pool.messages.values where type.name.hasPrefix("roundhouse.v1.") {
            for case .message(let name) in type.fields.map(\.kind) where name.hasPrefix("google.") { used.insert(name) }
        }
        #expect(used.isSubset(of: Set(WellKnownType.allCases.map(\.rawValue))), "\(used)")
    }

    @Test("Base64 is what Foundation's is, and taken by both alphabets", arguments: 0..<40)
    func base64(count: Int) throws {
        var random = SplitMix(UInt64(count))
        let bytes = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        let text = String(decoding: Base64Text.encode(bytes), as: UTF8.self)
        #expect(text == Data(bytes).base64EncodedString())
        let other = String(text.map { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 }.filter { $0 != "=" })
        #expect(Base64Text.decode(text) == bytes && Base64Text.decode(other) == bytes)
        #expect(Base64Text.decode(text + "?") == nil)
    }
}

extension DescriptorPool {
    /// A message with any of its fields.
    fileprivate func sample(of type: ProtoMessage, depth: Int, _ random: inout SplitMix) -> ProtoDraft {
        var draft = ProtoDraft()
        if let known = WellKnownType(rawValue: type.name) {
            guard known != .fieldMask else { return draft }
            let isNegative = known == .duration && Bool.random(using: &random)
            let seconds = Int64.random(in: 0...253_402_300_799, using: &random)
            let nanoseconds = [0, 120_000_000, 1_000, 7].randomElement(using: &random) ?? 0
            draft[1] = .varint(UInt64(bitPattern: isNegative ? -seconds : seconds))
            draft[2] = .varint(UInt64(bitPattern: Int64(isNegative ? -nanoseconds : nanoseconds)))
            return draft
        }
        var oneofs: Set<Int> = []
        for field in type.fields where Int.random(in: 0...2, using: &random) > 0 {
            if let oneof = field.oneof, !oneofs.insert(oneof).inserted { continue }
            if self.message(of: field) != nil, depth == 0 { continue }
            if let entry = self.entry(of: field) {
                let names = ["", "a", "b c"].prefix(Int.random(in: 0...3, using: &random))
                draft[field.number] = .list(
                    names.map { name in
                        var item = ProtoDraft()
                        item[1] = .bytes(Array(name.utf8))
                        item[2] = self.value(of: entry.value, depth: depth - 1, &random)
                        return .message(item)
                    })
            } else if field.isRepeated {
                let count = Int.random(in: 0...3, using: &random)
                draft[field.number] = .list((0..<count).map { _ in self.value(of: field, depth: depth - 1, &random) })
            } else {
                draft[field.number] = self.value(of: field, depth: depth - 1, &random)
            }
        }
        return draft
    }

    private func value(of field: ProtoField, depth: Int, _ random: inout SplitMix) -> ProtoDraft.Value {
        let whole: Int64 = [0, 1, -1, Int64.max, Int64.min, 1 << 53, 77].randomElement(using: &random) ?? 0
        let real: Double = [0, 1.5, -2, 1e-9, 1e300, .infinity, 0.1].randomElement(using: &random) ?? 0
        switch field.kind {
        case .double: return .fixed64(Double(real).bitPattern)
        case .float: return .fixed32(Float(real.isFinite ? max(-1e30, min(real, 1e30)) : real).bitPattern)
        case .fixed32, .sfixed32: return .fixed32(UInt32(truncatingIfNeeded: whole))
        case .fixed64, .sfixed64: return .fixed64(UInt64(bitPattern: whole))
        case .int32: return .varint(UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: whole))))
        case .uint32, .sint32: return .varint(UInt64(UInt32(truncatingIfNeeded: whole)))
        case .int64, .uint64, .sint64: return .varint(UInt64(bitPattern: whole))
        case .bool: return .varint(Bool.random(using: &random) ? 1 : 0)
        case .string: return .bytes(Array((["", "a", "é\"\\\n\u{2}", "漢🙂"].randomElement(using: &random) ?? "").utf8))
        case .bytes: return .bytes([[], [0xFF], [1, 2, 3, 4]].randomElement(using: &random) ?? [])
        case .enumeration(let name):
            let numbers = (self.enumeration(name)?.values.map(\.number) ?? []) + [99]
            return .varint(UInt64(bitPattern: Int64(numbers.randomElement(using: &random) ?? 0)))
        case .message(let name):
            guard let type = self.message(name) else { return .message(ProtoDraft()) }
            return .message(self.sample(of: type, depth: depth, &random))
        }
    }
}
