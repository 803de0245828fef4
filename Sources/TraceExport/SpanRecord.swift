public import Inference

/// A span that has ended, as collectors want it.
public struct SpanRecord: Sendable, Hashable {
    public var context: TraceContext
    /// The span above; `nil`: the trace begins here.
    public var parent: SpanID?
    public var name: String
    public var kind: Kind
    /// Nanoseconds since 1970-01-01 UTC.
    public var startNanoseconds: UInt64
    public var endNanoseconds: UInt64
    /// Keys are unique.
    public var attributes: [(key: String, value: Value)]
    public var events: [Event]
    public var links: [TraceContext]
    /// `nil`: nothing was said, which is not the same as all being well.
    public var status: Status?

    public init(
        context: TraceContext,
        parent: SpanID?,
        name: String,
        kind: Kind,
        startNanoseconds: UInt64,
        endNanoseconds: UInt64,
        attributes: [(key: String, value: Value)] = [],
        events: [Event] = [],
        links: [TraceContext] = [],
        status: Status? = nil
    ) {
        self.context = context
        self.parent = parent
        self.name = name
        self.kind = kind
        self.startNanoseconds = startNanoseconds
        self.endNanoseconds = endNanoseconds
        self.attributes = attributes
        self.events = events
        self.links = links
        self.status = status
    }

    /// Numbers of the protocol.
    public enum Kind: Int, Sendable, Hashable {
        case `internal` = 1
        case server
        case client
        case producer
        case consumer
    }

    public enum Status: Sendable, Hashable {
        case ok
        case error(String)
    }

    /// Something that happened at a moment within a span.
    public struct Event: Sendable, Hashable {
        public var name: String
        public var nanoseconds: UInt64
        public var attributes: [(key: String, value: Value)]

        public init(name: String, nanoseconds: UInt64, attributes: [(key: String, value: Value)] = []) {
            self.name = name
            self.nanoseconds = nanoseconds
            self.attributes = attributes
        }
    }

    public enum Value: Sendable, Hashable {
        case string(String)
        case integer(Int64)
        case double(Double)
        case boolean(Bool)
        case list([Value])
    }
}

extension SpanRecord {
    public static func == (left: SpanRecord, right: SpanRecord) -> Bool {
        left.context == right.context && left.parent == right.parent && left.name == right.name
            && left.kind == right.kind && left.startNanoseconds == right.startNanoseconds
            && left.endNanoseconds == right.endNanoseconds && left.attributes.elementsEqual(right.attributes, by: ==)
            && left.events == right.events && left.links == right.links && left.status == right.status
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(self.context)
    }
}

extension SpanRecord.Event {
    public static func == (left: Self, right: Self) -> Bool {
        left.name == right.name && left.nanoseconds == right.nanoseconds
            && left.attributes.elementsEqual(right.attributes, by: ==)
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(self.name)
        hasher.combine(self.nanoseconds)
    }
}
