import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import Roundhouse

@Suite("What a request of HTTP means")
struct RESTRequestTests {
    private static let pool = Result { try DescriptorPool.own() }

    private struct NoRoute: Error {
        var request: String
    }

    private static func message<M: SwiftProtobuf.Message>(
        _ request: String, body: String? = nil, as _: M.Type
    ) throws -> M {
        let pool = try Self.pool.get()
        let parts = request.split(separator: " ", maxSplits: 1)
        let target = parts[1].split(separator: "?", maxSplits: 1)
        guard
            case .found(let binding, let variables) = try RESTBindings(pool).match(
                method: String(parts[0]), path: target[0])
        else { throw NoRoute(request: request) }
        #expect(binding.inputType == M.protoMessageName)
        let bytes = try RESTRequest.message(
            binding, variables: variables, query: target.count > 1 ? String(target[1]) : "",
            body: try body.map { try JSONText($0) }, pool)
        return try M(serializedBytes: bytes)
    }

    private static func violations(_ request: String, body: String? = nil) throws -> [FieldViolation] {
        let pool = try Self.pool.get()
        let parts = request.split(separator: " ", maxSplits: 1)
        let target = parts[1].split(separator: "?", maxSplits: 1)
        guard
            case .found(let binding, let variables) = try RESTBindings(pool).match(
                method: String(parts[0]), path: target[0])
        else { throw NoRoute(request: request) }
        let error = #expect(throws: ServiceError.self, "\(request)") {
            try RESTRequest.message(
                binding, variables: variables, query: target.count > 1 ? String(target[1]) : "",
                body: try body.map { try JSONText($0) }, pool)
        }
        return error?.status.violations ?? []
    }

    @Test("Parameters of the query are fields, by either name, one or many")
    func query() throws {
        let affordable = try Self.message(
            "GET /api/v1/models/affordable?max_cost_per_token=2e-6&pageSize=5&provider=open%20router&page_token=a%2Bb+c",
            as: Roundhouse_V1_ListAffordableModelsRequest.self)
        #expect(affordable.maxCostPerToken == 2e-6 && affordable.pageSize == 5)
        #expect(affordable.provider == "open router" && affordable.pageToken == "a+b c")
        let events = try Self.message(
            "GET /api/v1/models?filter=kind%3Da&page_size=1&alt=json", as: Roundhouse_V1_ListModelsRequest.self)
        #expect(events.filter == "kind=a" && events.pageSize == 1)
    }

    @Test("An empty query, and one of empty parts, is none", arguments: ["", "?", "?&", "?&&"])
    func emptyQuery(query: String) throws {
        #expect(
            try Self.message("GET /api/v1/models\(query)", as: Roundhouse_V1_ListModelsRequest.self)
                == Roundhouse_V1_ListModelsRequest())
    }

    @Test("Every kind of field can be a parameter, and comes through")
    func everyKind() throws {
        let pool = try Self.pool.get()
        var kinds: Set<String> = []
        for binding in try RESTBindings(pool).all where binding.body == .none && binding.template.variables.isEmpty {
            let type = try #require(pool.message(binding.inputType))
            for field in type.fields where pool.entry(of: field) == nil {
                let text: String
                switch field.kind {
                case .string: text = "x%26y"
                case .bool: text = "true"
                case .double, .float: text = "0.5"
                case .enumeration(let name): text = try #require(pool.enumeration(name)?.values.last?.name)
                case .message(let name):
                    switch WellKnownType(rawValue: name) {
                    case .timestamp: text = "2026-01-31T12:00:00Z"
                    case .duration: text = "1.500s"
                    case .fieldMask: text = "a,b"
                    case nil: continue
                    }
                case .bytes: text = "AQI="
                default: text = "7"
                }
                kinds.insert("\(field.kind)")
                let count = field.isRepeated ? 2 : 1
                let query = Array(repeating: "\(field.name)=\(text)", count: count).joined(separator: "&")
                let bytes = try RESTRequest.message(binding, variables: [], query: query, body: nil, pool)
                let json = String(decoding: try ProtoJSON.text(of: bytes, type, pool), as: UTF8.self)
                let shown = text == "x%26y" ? "x&y" : text
                #expect(json.ranges(of: shown).count == count, "\(binding.rpc.name).\(field.name): \(json)")
            }
        }
        #expect(kinds.count >= 5, "\(kinds)")
    }

    @Test(
        "A parameter that is none is told by its name",
        arguments: [
            ("GET /api/v1/models?modle=x", "modle", "is not a parameter of ListModels; it has "),
            ("GET /api/v1/models?page_size=many", "page_size", "is 'many'; expected a whole number"),
            ("GET /api/v1/models?page_size=1&page_size=2", "page_size", "is given 2 times"),
            ("GET /api/v1/models?page_size=%zz", "query", "has 'page_size=%zz'"),
            ("GET /api/v1/providers/openai/models?provider=other", "provider", "is in the path already"),
            ("GET /api/v1/models?page_size.x=1", "page_size.x", "is not a parameter"),
            ("POST /api/v1/models/load?model=x", "model", "belongs into the body"),
            ("PATCH /api/v1/models/local/a?model.lazy=true", "model.lazy", "belongs into the body"),
            ("PATCH /api/v1/models/local/a?validate_only=yes", "validate_only", "is 'yes'; expected true or false"),
        ])
    func wrongQuery(request: String, field: String, description: String) throws {
        let violations = try Self.violations(request, body: request.hasPrefix("P") ? "{}" : nil)
        #expect(violations.map(\.field) == [field], "\(violations)")
        #expect(violations.first?.description.hasPrefix(description) == true, "\(violations)")
    }

    @Test("The path wins over nothing: a body that says the same may, another one may not")
    func pathAndBody() throws {
        let same = try Self.message(
            "POST /api/v1/models/local%2Ftiny:load", body: #"{"model":"local/tiny"}"#,
            as: Roundhouse_V1_LoadModelRequest.self)
        #expect(same.model == "local/tiny")
        let violations = try Self.violations("POST /api/v1/models/local/tiny:load", body: #"{"model":"local/other"}"#)
        #expect(violations.map(\.field) == ["model"])
        let update = try Self.violations("PATCH /api/v1/models/local/tiny", body: #"{"id":"local/other"}"#)
        #expect(update.map(\.field) == ["model.id"])
    }

    @Test(
        "An update without a mask sets what its body has, defaults and nulls too",
        arguments: [
            ("", #"{"lazy":false,"displayName":"x"}"#, ["lazy", "display_name"]),
            ("", #"{"quality_score":null}"#, ["quality_score"]),
            ("", #"{"id":"local/a","etag":"1","tags":[]}"#, ["tags"]),
            ("", "{}", []),
            ("?update_mask=lazy,displayName", #"{"lazy":true,"tags":["a"]}"#, ["lazy", "display_name"]),
        ] as [(String, String, [String])])
    func masks(query: String, body: String, paths: [String]) throws {
        let request = try Self.message(
            "PATCH /api/v1/models/local/a\(query)", body: body, as: Roundhouse_V1_UpdateModelRequest.self)
        #expect(request.updateMask.paths == paths && request.model.id == "local/a")
        #expect(request.hasUpdateMask == !paths.isEmpty)
    }

    @Test("A body that is a field is read as that, and the query has the rest")
    func bodyField() throws {
        let request = try Self.message(
            "POST /api/v1/models?validate_only=true", body: #"{"id":"local/a","lazy":true}"#,
            as: Roundhouse_V1_CreateModelRequest.self)
        #expect(request.model.id == "local/a" && request.model.lazy && request.validateOnly)
        let wrong = try Self.violations("POST /api/v1/models", body: #"{"prices":{"nothing":1}}"#)
        #expect(wrong.map(\.field) == ["model.prices.nothing"])
    }
}
