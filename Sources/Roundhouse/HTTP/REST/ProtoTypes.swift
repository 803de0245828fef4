/// A message of the API, as its proto declares it.
struct ProtoMessage: Sendable {
    /// `roundhouse.v1.GetModelRequest`.
    let name: String
    /// What stands above it in the proto, without slashes; empty when nothing does.
    var comment = ""
    /// In the order of the proto.
    var fields: [ProtoField] = []
    var oneofs: [ProtoOneof] = []
    /// The entry of a `map<…>`: field 1 is the key, field 2 the value.
    var isMapEntry = false

    private(set) var indexByNumber: [Int: Int] = [:]
    private(set) var indexByName: [String: Int] = [:]

    init(name: String) {
        self.name = name
    }

    /// The last part of the name, with those of the messages that it lies in: `GetModelRequest`.
    var shortName: Substring { self.name.split(separator: ".").last ?? "" }

    func field(number: Int) -> ProtoField? { self.indexByNumber[number].map { self.fields[$0] } }

    /// - Parameter name: the proto's or JSON's, `max_cost_per_token` or `maxCostPerToken`.
    func field(named name: some StringProtocol) -> ProtoField? {
        self.indexByName[String(name)].map { self.fields[$0] }
    }

    /// Makes fields to be found; once, when all are there.
    mutating func indexFields() {
        for (index, field) in self.fields.enumerated() {
            self.indexByNumber[field.number] = index
            self.indexByName[field.jsonName] = index
        }
        // A proto's own name wins over one that another field has in JSON.
        for (index, field) in self.fields.enumerated() { self.indexByName[field.name] = index }
    }
}

/// A field of a message.
struct ProtoField: Sendable, Hashable {
    enum Kind: Sendable, Hashable {
        case double, float
        case int32, int64, uint32, uint64, sint32, sint64, fixed32, fixed64, sfixed32, sfixed64
        case bool, string, bytes
        /// With the full name of its type.
        case message(String)
        case enumeration(String)
    }

    /// The proto's, which is the one that we write: `max_cost_per_token`.
    var name = ""
    /// `maxCostPerToken`, which is understood too.
    var jsonName = ""
    var number = 0
    var kind = Kind.string
    /// Also for maps, which are repeated entries.
    var isRepeated = false
    /// Unset differs from the default: messages, `optional`, members of a `oneof`.
    var hasPresence = false
    /// An index into ``ProtoMessage/oneofs``; `nil` too for the invisible one of an `optional` field.
    var oneof: Int?
    var comment = ""
    var isDeprecated = false

    /// Whether many values of it stand in one run of bytes.
    var isPackable: Bool {
        switch self.kind {
        case .string, .bytes, .message: false
        default: true
        }
    }
}

/// Fields of which one at most is set.
struct ProtoOneof: Sendable, Hashable {
    var name: String
    var comment = ""
}

/// An enumeration of the API.
struct ProtoEnum: Sendable {
    struct Value: Sendable, Hashable {
        var name = ""
        var number: Int32 = 0
        var comment = ""
        var isDeprecated = false
    }

    /// `roundhouse.v1.ModelState`.
    let name: String
    var comment = ""
    /// In the order of the proto.
    var values: [Value] = []

    /// The name of a number, the first of several.
    func name(of number: Int32) -> String? { self.values.first { $0.number == number }?.name }
    func number(of name: some StringProtocol) -> Int32? { self.values.first { $0.name == name }?.number }
}

/// A service of the API.
struct ProtoService: Sendable {
    /// `roundhouse.v1.RegistryService`.
    let name: String
    var comment = ""
    /// In the order of the proto.
    var methods: [ProtoMethod] = []

    var shortName: Substring { self.name.split(separator: ".").last ?? "" }
}

/// A method of a service.
struct ProtoMethod: Sendable {
    /// `GetModel`.
    var name = ""
    var comment = ""
    /// Full names of messages.
    var inputType = ""
    var outputType = ""
    var isClientStreaming = false
    var isServerStreaming = false
    var isDeprecated = false
    /// The `google.api.http` annotation; the first is the primary one, the rest its additional bindings.
    var rules: [HTTPRule] = []
}
