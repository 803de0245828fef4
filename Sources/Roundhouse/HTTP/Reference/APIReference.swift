/// Everything that the HTTP port answers: what `/openapi.json` and `/docs` are written from.
struct APIReference: Sendable {
    /// Operations that belong together: a service.
    struct Group: Sendable, Hashable {
        var name: String
        var text: ReferenceText
    }

    struct Component: Sendable, Hashable {
        var name: String
        var schema: APISchema
    }

    var title: String
    /// Of the server.
    var version: String
    var text: ReferenceText
    /// In the order of the page.
    var groups: [Group] = []
    var operations: [Operation] = []
    /// By name.
    var components: [Component] = []
    /// Answers that many operations give, by name.
    var failures: [Failure] = []
}

extension APIReference {
    struct Operation: Sendable, Hashable {
        enum Method: String, Sendable, Hashable {
            case get, put, post, patch, delete
        }

        /// Unique: `RegistryService_ListModels`.
        var id: String
        var method: Method
        /// With `{name}` for what varies.
        var path: String
        /// A group's name.
        var group: String
        /// A few words.
        var summary: String
        var text: ReferenceText
        var parameters: [Parameter] = []
        var body: Body?
        /// When all is well.
        var answers: [Answer] = []
        /// When it is not.
        var failures: [FailureReference] = []
        /// The call that does the same: `roundhouse.v1.RegistryService/ListModels`.
        var rpc: String?
        /// The path of the operation that this is another route of.
        var isAnotherRouteOf: String?
    }

    struct Parameter: Sendable, Hashable {
        enum Place: String, Sendable, Hashable {
            case path, query, header
        }

        var place: Place
        var name: String
        var schema: APISchema
        var isRequired = false
        var example: OrderedJSON?
    }

    struct Body: Sendable, Hashable {
        var schema: APISchema
        var isRequired: Bool
        var example: OrderedJSON?
    }

    struct Answer: Sendable, Hashable {
        /// `200`, `default`.
        var status: String
        var text: ReferenceText
        var contents: [Content] = []
        var headers: [Header] = []
    }

    /// An answer that tells what is wrong.
    struct Failure: Sendable, Hashable {
        var name: String
        var text: ReferenceText
        /// Of `application/json`.
        var schema: APISchema
        var example: OrderedJSON?
    }

    struct FailureReference: Sendable, Hashable {
        /// `404`; `default` for every other one.
        var status: String
        /// A failure's name.
        var name: String
    }

    struct Content: Sendable, Hashable {
        var mediaType: String
        var schema: APISchema
        var example: OrderedJSON?
    }

    struct Header: Sendable, Hashable {
        var name: String
        var schema: APISchema
    }
}
