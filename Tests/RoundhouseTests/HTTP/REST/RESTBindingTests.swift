import GRPCCore
import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import Roundhouse

@Suite("Routes of the annotations")
struct RESTBindingTests {
    private static let pool = Result { try DescriptorPool.own() }
    private static let bindings = Result { try RESTBindings(try RESTBindingTests.pool.get()) }

    @Test("Every method of ours that does not stream both ways has a route, and nothing else has")
    func everyMethod() throws {
        let pool = try Self.pool.get()
        let bindings = try Self.bindings.get().all
        let ours = pool.services.filter { $0.name.hasPrefix("roundhouse.v1.") }
        #expect(ours.count == 6)
        for service in ours {
            for rpc in service.methods where !rpc.isClientStreaming {
                let routes = bindings.filter { $0.fullName == "\(service.name).\(rpc.name)" }
                #expect(routes.filter(\.isPrimary).count == 1, "\(service.name).\(rpc.name)")
            }
        }
        #expect(bindings.allSatisfy { $0.service.hasPrefix("roundhouse.v1.") })
    }

    @Test("A request goes to the method that is meant")
    func meaning() throws {
        let bindings = try Self.bindings.get()
        for (request, method, values) in [
            ("GET /api/v1/models", "ListModels", []),
            ("GET /api/v1/models/loaded", "ListLoadedModels", []),
            ("GET /api/v1/models/local/tiny", "GetModel", ["local/tiny"]),
            ("GET /api/v1/models/loaded/x", "GetModel", ["loaded/x"]),
            ("GET /api/v1/models/ollama/llama3:8b", "GetModel", ["ollama/llama3:8b"]),
            ("POST /api/v1/models/ollama/llama3:8b:load", "LoadModel", ["ollama/llama3:8b"]),
            ("GET /api/v1/models/local/tiny:capabilities", "GetModelCapabilities", ["local/tiny"]),
            ("GET /api/v1/models/local/tiny/capabilities", "GetModelCapabilities", ["local/tiny"]),
            ("GET /api/v1/models/openrouter/a/b/capabilities", "GetModelCapabilities", ["openrouter/a/b"]),
            ("POST /api/v1/models/local%2Ftiny/profile", "ProfileModel", ["local/tiny"]),
            ("GET /api/v1/models/local/profile", "GetModel", ["local/profile"]),
            ("PATCH /api/v1/models/local/tiny", "UpdateModel", ["local/tiny"]),
            ("GET /api/v1/providers/openai/models", "ListModels", ["openai"]),
            ("POST /api/v1/models/load", "LoadModel", []),
            ("GET /api/v1/models/local/tiny%3Aload", "GetModel", ["local/tiny:load"]),
        ] as [(String, String, [String])] {
            let parts = request.split(separator: " ")
            guard case .found(let binding, let found) = bindings.match(method: String(parts[0]), path: parts[1]) else {
                Issue.record("\(request) is no route")
                continue
            }
            #expect(binding.rpc.name == method && found == values, "\(request)")
        }
    }

    @Test(
        "A path of another method tells which",
        arguments: [
            ("GET /api/v1/models/load", ["POST"]), ("GET /api/v1/models/local/tiny:load", ["POST"]),
            ("DELETE /api/v1/models/free", ["GET"]), ("PUT /api/v1/models/local/tiny", ["GET", "PATCH", "DELETE"]),
            ("DELETE /api/v1/models/openrouter/filter", ["GET", "POST"]),
        ])
    func otherMethods(request: String, allowed: [String]) throws {
        let parts = request.split(separator: " ")
        guard case .otherMethods(let found) = try Self.bindings.get().match(method: String(parts[0]), path: parts[1])
        else {
            Issue.record("\(request)")
            return
        }
        #expect(Set(found) == Set(allowed), "\(request)")
    }

    @Test("What SwiftProtobuf reads of the descriptor set is what we read")
    func sameAsSwiftProtobuf() throws {
        let pool = try Self.pool.get()
        let set = try Google_Protobuf_FileDescriptorSet(serializedBytes: DescriptorSet.serializedBytes)
        var seen = 0
        func check(_ message: Google_Protobuf_DescriptorProto, in scope: String) throws {
            let name = "\(scope).\(message.name)"
            let ours = try #require(pool.message(name), "\(name)")
            seen += 1
            #expect(ours.fields.map(\.name) == message.field.map(\.name))
            #expect(ours.fields.map(\.jsonName) == message.field.map(\.jsonName))
            #expect(ours.fields.map(\.number) == message.field.map { Int($0.number) })
            #expect(ours.fields.map(\.isRepeated) == message.field.map { $0.label == .repeated })
            #expect(ours.isMapEntry == message.options.mapEntry)
            for (field, theirs) in zip(ours.fields, message.field) {
                #expect(
                    ProtoField.Kind(type: theirs.type.rawValue, name: String(theirs.typeName.dropFirst())) == field.kind
                )
                let isReal = theirs.hasOneofIndex && !theirs.proto3Optional
                #expect(field.oneof == (isReal ? Int(theirs.oneofIndex) : nil), "\(name).\(field.name)")
                #expect(field.hasPresence == (!field.isRepeated && (theirs.type == .message || theirs.hasOneofIndex)))
            }
            let optionals = Set(message.field.filter(\.proto3Optional).map(\.oneofIndex))
            #expect(ours.oneofs.count == message.oneofDecl.count - optionals.count)
            for nested in message.nestedType { try check(nested, in: name) }
            for nested in message.enumType {
                #expect(pool.enumeration("\(name).\(nested.name)")?.values.map(\.name) == nested.value.map(\.name))
            }
        }
        for file in set.file {
            for message in file.messageType { try check(message, in: file.package) }
            for type in file.enumType {
                let ours = try #require(pool.enumeration("\(file.package).\(type.name)"))
                #expect(ours.values.map(\.name) == type.value.map(\.name))
                #expect(ours.values.map(\.number) == type.value.map(\.number))
            }
        }
        #expect(seen == pool.messages.count)
    }

    @Test("Comments are those above the declarations")
    func comments() throws {
        let pool = try Self.pool.get()
        let service = try #require(pool.services.first { $0.name == "roundhouse.v1.GenerationService" })
        #expect(service.comment.hasPrefix("Generates text with local and cloud models.\n\nErrors are gRPC statuses."))
        let method = try #require(service.methods.first { $0.name == "Generate" })
        #expect(
            method.comment
                == "Generates a whole answer.\n\nThe same pipeline as StreamGenerate, collected: use it when nobody watches the tokens arrive."
        )
        let request = try #require(pool.message("roundhouse.v1.SwitchModelRequest"))
        #expect(request.field(named: "alias")?.comment == "The alias's name.")
        for service in pool.services where service.name.hasPrefix("roundhouse.") {
            #expect(service.methods.allSatisfy { !$0.comment.isEmpty })
        }
        for message in pool.messages.values where message.name.hasPrefix("roundhouse.v1.") && !message.isMapEntry {
            #expect(!message.comment.isEmpty, "\(message.name)")
            for field in message.fields { #expect(!field.comment.isEmpty, "\(message.name).\(field.name)") }
        }
    }

    @Test(
        "Annotations that cannot be served are found at the start",
        arguments: [
            ("GET", "/a/{name}", "/a/{other_name}", "", "is a route of test.S.First already"),
            ("GET", "/a", "/b/{nothing}", "", "has no field 'nothing'"),
            ("GET", "/a", "/b/{nested}", "", "'nested' is not a single value"),
            ("GET", "/a", "/b/{nested.name}/{nested.nothing}", "", "has no field 'nested.nothing'"),
            ("GET", "/a", "/b//c", "", "expected a literal"),
            ("POST", "/a", "/b", "nothing", "has no field 'nothing' for the body"),
        ])
    func invalid(method: String, first: String, second: String, body: String, problem: String) throws {
        let bytes = try Self.descriptorSet([(method, first, ""), (method, second, body)])
        let pool = try DescriptorPool(descriptorSet: bytes)
        let error = #expect(throws: RESTBindings.Invalid.self) { try RESTBindings(pool) }
        #expect(error?.problem.contains(problem) == true, "\(error?.description ?? "")")
    }

    /// A service `test.S` with methods First, Second, … at these routes.
    private static func descriptorSet(_ routes: [(method: String, path: String, body: String)]) throws -> [UInt8] {
        var file = Google_Protobuf_FileDescriptorProto()
        file.name = "test.proto"
        file.package = "test"
        file.messageType = [
            .with { message in
                message.name = "M"
                message.field = ["name", "other_name"].enumerated().map { index, name in
                    .with {
                        ($0.name, $0.number, $0.type, $0.label) = (name, Int32(index + 1), .string, .optional)
                    }
                }
                message.field.append(
                    .with {
                        ($0.name, $0.number, $0.type, $0.label) = ("nested", 3, .message, .optional)
                        $0.typeName = ".test.M"
                    })
            }
        ]
        var service = Google_Protobuf_ServiceDescriptorProto()
        service.name = "S"
        for (name, route) in zip(["First", "Second", "Third"], routes) {
            let numbers = ["GET": 2, "PUT": 3, "POST": 4, "DELETE": 5, "PATCH": 6]
            var rule = Self.field(numbers[route.method] ?? 8, Array(route.path.utf8))
            if !route.body.isEmpty { rule += Self.field(7, Array(route.body.utf8)) }
            let options = Self.field(HTTPRule.extensionNumber, rule)
            service.method.append(
                try .with {
                    $0.name = name
                    ($0.inputType, $0.outputType) = (".test.M", ".test.M")
                    $0.options = try Google_Protobuf_MethodOptions(serializedBytes: options)
                })
        }
        file.service = [service]
        return try Google_Protobuf_FileDescriptorSet.with { $0.file = [file] }.serializedBytes()
    }

    private static func field(_ number: Int, _ bytes: [UInt8]) -> [UInt8] {
        func varint(_ value: Int) -> [UInt8] {
            value < 0x80 ? [UInt8(value)] : [UInt8(value & 0x7f) | 0x80] + varint(value >> 7)
        }
        return varint(number << 3 | 2) + varint(bytes.count) + bytes
    }
}
