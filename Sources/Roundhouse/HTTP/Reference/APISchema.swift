/// The form of a JSON value: as much of JSON Schema (2020-12) as the API needs.
struct APISchema: Sendable, Hashable {
    indirect enum Form: Sendable, Hashable {
        case anything
        /// Another schema of the reference, by name.
        case reference(String)
        case string(StringLimits)
        /// One of these strings.
        case choice([Choice])
        case integer(NumberLimits)
        case number(NumberLimits)
        case boolean
        case null
        case array(APISchema, ArrayLimits)
        /// An object whose keys are the caller's.
        case dictionary(APISchema)
        case object(Object)
        /// At least one of them holds.
        case either([APISchema])
    }

    struct StringLimits: Sendable, Hashable {
        /// `date-time`, `byte`, `int64`, ….
        var format: String?
        /// A regular expression of ECMA-262.
        var pattern: String?
        var shortest: Int?
        /// In characters.
        var longest: Int?
    }

    struct Choice: Sendable, Hashable {
        var value: String
        var text: ReferenceText = ""
    }

    struct NumberLimits: Sendable, Hashable {
        /// `int32`, `int64`, `double`, `float`.
        var format: String?
        var least: OrderedJSON?
        var most: OrderedJSON?
        /// The number must be above it.
        var above: OrderedJSON?
    }

    struct ArrayLimits: Sendable, Hashable {
        var least: Int?
        var most: Int?
    }

    struct Property: Sendable, Hashable {
        var name: String
        var schema: APISchema
        var isRequired = false
    }

    /// Properties of which only one may be there: a `oneof`.
    struct Alternative: Sendable, Hashable {
        var text: ReferenceText
        var names: [String]
        /// One of them must be there.
        var isRequired: Bool
    }

    struct Object: Sendable, Hashable {
        var properties: [Property]
        var alternatives: [Alternative] = []
        /// Other properties are an error.
        var isClosed = false
    }

    var form: Form
    var text: ReferenceText = ""
    var example: OrderedJSON?
    var isDeprecated = false
    /// `null` stands for nothing said.
    var isNullable = false
}

// What hand-written schemas are made of.
extension APISchema {
    static func reference(_ name: String, _ text: ReferenceText = "") -> APISchema {
        APISchema(form: .reference(name), text: text)
    }

    static func string(_ text: ReferenceText = "", example: OrderedJSON? = nil) -> APISchema {
        APISchema(form: .string(StringLimits()), text: text, example: example)
    }

    static func constant(_ value: String) -> APISchema {
        APISchema(form: .choice([Choice(value: value)]))
    }

    static func choice(_ values: String..., text: ReferenceText = "") -> APISchema {
        APISchema(form: .choice(values.map { Choice(value: $0) }), text: text)
    }

    static func integer(
        _ text: ReferenceText = "", least: Int64? = nil, most: Int64? = nil, format: String? = nil
    ) -> APISchema {
        let limits = NumberLimits(
            format: format, least: least.map(OrderedJSON.integer), most: most.map(OrderedJSON.integer))
        return APISchema(form: .integer(limits), text: text)
    }

    static func number(_ text: ReferenceText = "", least: Double? = nil, most: Double? = nil) -> APISchema {
        let limits = NumberLimits(least: least.map(OrderedJSON.number), most: most.map(OrderedJSON.number))
        return APISchema(form: .number(limits), text: text)
    }

    static func boolean(_ text: ReferenceText = "") -> APISchema { APISchema(form: .boolean, text: text) }

    static func anything(_ text: ReferenceText = "") -> APISchema { APISchema(form: .anything, text: text) }

    static func array(
        of element: APISchema, _ text: ReferenceText = "", least: Int? = nil, most: Int? = nil
    ) -> APISchema {
        APISchema(form: .array(element, ArrayLimits(least: least, most: most)), text: text)
    }

    static func dictionary(of value: APISchema, _ text: ReferenceText = "") -> APISchema {
        APISchema(form: .dictionary(value), text: text)
    }

    static func either(_ schemas: APISchema..., text: ReferenceText = "") -> APISchema {
        APISchema(form: .either(schemas), text: text)
    }

    /// - Parameter required: names of properties that must be there.
    static func object(
        _ text: ReferenceText = "", required: [String] = [], _ properties: KeyValuePairs<String, APISchema>
    ) -> APISchema {
        self.object(text, required: required, properties.map { (name: $0.key, schema: $0.value) })
    }

    static func object(
        _ text: ReferenceText, required: [String], _ properties: [(name: String, schema: APISchema)]
    ) -> APISchema {
        let properties = properties.map { name, schema in
            Property(name: name, schema: schema, isRequired: required.contains(name))
        }
        return APISchema(form: .object(Object(properties: properties)), text: text)
    }

    /// The same, or `null`.
    var orNull: APISchema {
        var schema = self
        schema.isNullable = true
        return schema
    }
}

extension APISchema {
    /// Names of the schemas that it refers to, itself or in its parts.
    var references: [String] {
        switch self.form {
        case .reference(let name): [name]
        case .array(let element, _): element.references
        case .dictionary(let value): value.references
        case .object(let object): object.properties.flatMap(\.schema.references)
        case .either(let schemas): schemas.flatMap(\.references)
        case .anything, .string, .choice, .integer, .number, .boolean, .null: []
        }
    }
}
