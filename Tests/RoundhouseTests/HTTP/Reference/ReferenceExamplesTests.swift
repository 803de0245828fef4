import Testing

@testable import Roundhouse

/// The reference does not promise what the server refuses.
@Suite struct ReferenceExamplesTests {
    @Test func `Every route that takes a body has an example, and the server reads it`() throws {
        let pool = try DescriptorPool.own()
        let reference = try APIReference.roundhouse(version: "1")
        var count = 0
        for binding in try RESTBindings(pool).all where binding.body != .none {
            let path = OpenAPIPath(binding.template, names: [:]).text
            let operation = reference.operations.first {
                $0.rpc == "\(binding.service)/\(binding.rpc.name)"
                    && $0.path.split(separator: "{").first == path.split(separator: "{").first
                    && $0.method.rawValue == binding.method.lowercased()
            }
            let example = try #require(operation?.body?.example, "\(binding.fullName)")
            let variables = binding.template.variables.map { variable in
                switch variable.field.last {
                case "name", "alias": "default"
                case "engine": "llama.cpp"
                default: "local/small"
                }
            }
            _ = try RESTRequest.message(
                binding, variables: variables, query: "", body: try JSONText(example.text(indented: false)), pool)
            count += 1
        }
        #expect(count > 30)
    }

    @Test func `Limits are those of fields that exist, and fit their types`() throws {
        let pool = try DescriptorPool.own()
        #expect(FieldLimits.names.count > 30)
        for name in FieldLimits.names {
            let parts = name.split(separator: ".")
            let message = try #require(pool.message("roundhouse.v1.\(parts[0])"), "\(name)")
            let field = try #require(message.field(named: parts[1]), "\(name)")
            let schemas = ProtoSchemas(pool: pool, requests: [message.name])
            // Under another name nothing is known of it.
            var unlimited = field
            unlimited.name = "some_other_name"
            var plain = schemas.schema(of: unlimited, in: message)
            plain.text = ReferenceText(comment: field.comment)
            #expect(schemas.schema(of: field, in: message) != plain, "\(name)")
        }
    }

    @Test(arguments: ["GenerateRequest", "StreamGenerateRequest"])
    func `Both ways to generate have the same limits`(name: String) throws {
        let reference = try APIReference.roundhouse(version: "1")
        let schema = try #require(reference.components.first { $0.name == name }?.schema)
        guard case .object(let object) = schema.form else { return #expect(Bool(false)) }
        let temperature = try #require(object.properties.first { $0.name == "temperature" })
        guard case .number(let limits) = temperature.schema.form else { return #expect(Bool(false)) }
        #expect(limits.least == 0.0 && limits.most == 2.0)
        #expect(object.properties.filter(\.isRequired).map(\.name) == ["messages"])
    }
}
