import Inference

/// Spans as OTLP's JSON (`ExportTraceServiceRequest`): ids in hexadecimal digits, 64-bit numbers as texts, enums as numbers.
public struct OTLPEncoder: Sendable {
    /// What is said of this process: `service.name` and others.
    private let resource: [(key: String, value: SpanRecord.Value)]
    private let scopeVersion: String

    /// - Parameter version: of Roundhouse, which made the spans.
    public init(resource: [(key: String, value: SpanRecord.Value)], version: String) {
        self.resource = resource
        self.scopeVersion = version
    }

    /// The body of one export.
    public func body(of spans: [SpanRecord]) -> [UInt8] {
        var json = JSONText()
        json.object {
            $0.array("resourceSpans") {
                $0.object {
                    $0.object("resource") { Self.write(self.resource, to: &$0) }
                    $0.array("scopeSpans") {
                        $0.object {
                            $0.object("scope") {
                                $0.string("name", "roundhouse")
                                $0.string("version", self.scopeVersion)
                            }
                            $0.array("spans") { for span in spans { Self.write(span, to: &$0) } }
                        }
                    }
                }
            }
        }
        return json.bytes
    }

    private static func write(_ span: SpanRecord, to json: inout JSONText) {
        json.object {
            $0.string("traceId", span.context.traceID.description)
            $0.string("spanId", span.context.spanID.description)
            if let state = span.context.state { $0.string("traceState", state.description) }
            if let parent = span.parent { $0.string("parentSpanId", parent.description) }
            $0.raw("flags", span.context.isSampled ? "1" : "0")
            $0.string("name", span.name)
            $0.raw("kind", "\(span.kind.rawValue)")
            $0.string("startTimeUnixNano", "\(span.startNanoseconds)")
            $0.string("endTimeUnixNano", "\(span.endNanoseconds)")
            self.write(span.attributes, to: &$0)
            if !span.events.isEmpty { $0.array("events") { for event in span.events { self.write(event, to: &$0) } } }
            if !span.links.isEmpty { $0.array("links") { for link in span.links { self.write(link, to: &$0) } } }
            guard let status = span.status else { return }
            $0.object("status") {
                switch status {
                case .ok: $0.raw("code", "1")
                case .error(let message):
                    $0.raw("code", "2")
                    if !message.isEmpty { $0.string("message", message) }
                }
            }
        }
    }

    private static func write(_ event: SpanRecord.Event, to json: inout JSONText) {
        json.object {
            $0.string("timeUnixNano", "\(event.nanoseconds)")
            $0.string("name", event.name)
            self.write(event.attributes, to: &$0)
        }
    }

    private static func write(_ link: TraceContext, to json: inout JSONText) {
        json.object {
            $0.string("traceId", link.traceID.description)
            $0.string("spanId", link.spanID.description)
            if let state = link.state { $0.string("traceState", state.description) }
            $0.raw("flags", link.isSampled ? "1" : "0")
        }
    }

    private static func write(_ attributes: [(key: String, value: SpanRecord.Value)], to json: inout JSONText) {
        guard !attributes.isEmpty else { return }
        json.array("attributes") {
            for (key, value) in attributes {
                $0.object {
                    $0.string("key", key)
                    self.write(value, "value", to: &$0)
                }
            }
        }
    }

    private static func write(_ value: SpanRecord.Value, _ key: String?, to json: inout JSONText) {
        json.object(key) {
            switch value {
            case .string(let text): $0.string("stringValue", text)
            case .integer(let number): $0.string("intValue", "\(number)")
            // JSON has no other numbers; the protocol's JSON has texts for those.
            case .double(let number) where number.isFinite: $0.raw("doubleValue", number.description)
            case .double(let number):
                $0.string("doubleValue", number.isNaN ? "NaN" : number < 0 ? "-Infinity" : "Infinity")
            case .boolean(let flag): $0.raw("boolValue", flag ? "true" : "false")
            case .list(let values):
                $0.object("arrayValue") {
                    $0.array("values") { for value in values { self.write(value, nil, to: &$0) } }
                }
            }
        }
    }
}
