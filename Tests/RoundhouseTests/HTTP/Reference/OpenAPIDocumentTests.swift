import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import Roundhouse

/// What any reader of OpenAPI may rely on, looked up in the document itself.
@Suite struct OpenAPIDocumentTests {
    private let reference: APIReference
    private let document: OrderedJSON

    init() throws {
        self.reference = try APIReference.roundhouse(version: "1.2.3")
        self.document = OpenAPIDocument(reference: self.reference).tree
    }

    @Test func `Every reference leads to something`() throws {
        var references: Set<String> = []
        self.document.visit { key, value in
            if key == "$ref", case .string(let text) = value { references.insert(text) }
        }
        #expect(references.count > 100)
        for reference in references {
            let path = reference.split(separator: "/").dropFirst()
            let target = path.reduce(self.document as OrderedJSON?) { $0?[String($1)] }
            #expect(target != nil, "\(reference)")
        }
    }

    @Test func `Every schema is used`() throws {
        let text = self.document.text(indented: false)
        for component in self.reference.components where !OpenAIReference.isForReaders(component.name) {
            #expect(text.contains("\"#/components/schemas/\(component.name)\""), "\(component.name)")
        }
    }

    @Test func `Every operation has a name of its own and answers`() throws {
        var names: Set<String> = []
        for (path, method, operation) in self.operations {
            guard case .string(let name) = operation["operationId"] else {
                Issue.record("\(method) \(path) has no name")
                continue
            }
            #expect(names.insert(name).inserted, "\(name)")
            guard case .object(let answers) = operation["responses"] else {
                Issue.record("\(name) has no answers")
                continue
            }
            #expect(answers.contains { $0.key.hasPrefix("2") }, "\(name)")
            #expect(answers.last?.key == "default", "\(name)")
            #expect(operation["summary"] != nil && operation["description"] != nil, "\(name)")
        }
        #expect(names.count > 90)
    }

    @Test func `The variables of a path are its parameters`() throws {
        for (path, method, operation) in self.operations {
            let variables = path.split(separator: "{").dropFirst().compactMap { $0.split(separator: "}").first }
            var declared: [Substring] = []
            if case .array(let parameters) = operation["parameters"] {
                for parameter in parameters where parameter["in"] == "path" {
                    #expect(parameter["required"] == true, "\(method) \(path)")
                    if case .string(let name) = parameter["name"] { declared.append(name[...]) }
                }
            }
            #expect(declared == variables, "\(method) \(path)")
        }
    }

    @Test func `No two paths differ in the names of their variables alone`() throws {
        guard case .object(let paths) = self.document["paths"] else { return #expect(Bool(false)) }
        var shapes: Set<String> = []
        for path in paths.map(\.key) {
            let shape = path.split(separator: "{", omittingEmptySubsequences: false)
                .map {
                    $0.contains("}")
                        ? "{}" + $0.split(separator: "}", omittingEmptySubsequences: false).dropFirst().joined()
                        : String($0)
                }
                .joined()
            #expect(shapes.insert(shape).inserted, "\(path)")
        }
    }

    @Test func `Every route of the API is in it`() throws {
        let routes = Set(self.operations.map { "\($0.method.uppercased()) \($0.path)" })
        for route in [
            "POST /v1/chat/completions", "GET /v1/models/{id}", "GET /api/v1/models/{model}",
            "PATCH /api/v1/models/{model}", "POST /api/v1/models/{model}:load",
            "GET /api/v1/models/{model}/capabilities",
            "POST /api/v1/setup/ai-models/warm-up", "GET /healthz", "GET /openapi.json",
        ] {
            #expect(routes.contains(route), "\(route)")
        }
        let pool = try DescriptorPool.own()
        for binding in try RESTBindings(pool).all {
            #expect(self.reference.operations.contains { $0.rpc == "\(binding.service)/\(binding.rpc.name)" })
        }
    }

    @Test func `The same server says the same each time`() throws {
        let again = OpenAPIDocument(reference: try APIReference.roundhouse(version: "1.2.3")).tree
        #expect(again.text(indented: true) == self.document.text(indented: true))
        #expect(self.document["info"]?["version"] == "1.2.3")
    }

    @Test func `A oneof takes one of its fields at most`() throws {
        let part = try #require(self.document["components"]?["schemas"]?["Part"])
        guard case .array(let branches) = part["oneOf"] else { return #expect(Bool(false)) }
        #expect(branches.count == 5)
        #expect(branches.first?["required"] == ["text"])
        let change = try #require(self.document["components"]?["schemas"]?["UpdateConfigRequest"])
        guard case .array(let branches) = change["oneOf"] else { return #expect(Bool(false)) }
        #expect(branches.count == 3 && branches.last?["not"] != nil)
    }

    @Test func `What comes in is closed, what goes out is open`() throws {
        let schemas = try #require(self.document["components"]?["schemas"])
        for name in ["GenerateRequest", "Message", "Model"] {
            #expect(schemas[name]?["additionalProperties"] == false, "\(name)")
        }
        #expect(schemas["GenerateResponse"]?["additionalProperties"] == nil)
    }

    private var operations: [(path: String, method: String, operation: OrderedJSON)] {
        guard case .object(let paths) = self.document["paths"] else { return [] }
        return paths.flatMap { path in
            guard case .object(let methods) = path.value else { return [(String, String, OrderedJSON)]() }
            return methods.map { (path.key, $0.key, $0.value) }
        }
    }
}

extension OpenAIReference {
    /// A chunk is the data of an event, of which OpenAPI has no schema.
    static func isForReaders(_ name: String) -> Bool { name == "OpenAIChatChunk" }
}

extension OrderedJSON {
    /// Calls `body` with every member of every object in it.
    fileprivate func visit(_ body: (String, OrderedJSON) -> Void) {
        switch self {
        case .object(let members):
            for member in members {
                body(member.key, member.value)
                member.value.visit(body)
            }
        case .array(let values): for value in values { value.visit(body) }
        default: break
        }
    }
}
