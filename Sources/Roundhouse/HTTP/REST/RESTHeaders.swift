internal import GRPCCore
internal import Hummingbird

/// What of a request's headers goes on to the service.
///
/// `traceparent`, `tracestate` and `x-request-id` do, and what begins with `grpc-metadata-`, without that. A header that is
/// none of these stays here: cookies and credentials of a browser are not the services' to know.
struct RESTHeaders: Sendable {
    var metadata: Metadata = [:]
    /// `nil` when the client waits for ever.
    var timeout: Duration?
    /// The client's name for the request; `nil` when it has none that can be one.
    var requestID: String?

    private static let passed: Set<String> = ["traceparent", "tracestate", "x-request-id"]
    private static let prefix = "grpc-metadata-"

    /// - Throws: ``ServiceError`` for a timeout that is none.
    init(_ fields: HTTPFields) throws(ServiceError) {
        for field in fields {
            let name = field.name.canonicalName
            if Self.passed.contains(name) {
                self.metadata.addString(field.value, forKey: name)
            } else if name.hasPrefix(Self.prefix) {
                self.add(field.value, as: String(name.dropFirst(Self.prefix.count)))
            }
            switch name {
            case "x-request-id" where Self.isRequestID(field.value): self.requestID = field.value
            case "grpc-timeout", "x-request-timeout":
                let timeout = name == "grpc-timeout" ? Self.grpcTimeout(field.value) : Self.seconds(field.value)
                guard let timeout else {
                    let form = name == "grpc-timeout" ? "'1500m' for 1500 milliseconds" : "'1.5' for seconds"
                    throw .invalid("header \(name)", found: field.value, expected: "a time such as \(form)")
                }
                self.timeout = min(timeout, self.timeout ?? timeout)
            default: break
            }
        }
    }

    private mutating func add(_ value: String, as name: String) {
        // What gRPC itself says is not a client's to say.
        guard !name.isEmpty, !name.hasPrefix("grpc-"), !name.hasPrefix(":") else { return }
        if name.hasSuffix("-bin") {
            if let bytes = Base64Text.decode(value) { self.metadata.addBinary(bytes, forKey: name) }
        } else {
            self.metadata.addString(value, forKey: name)
        }
    }

    /// As the services want it.
    private static func isRequestID(_ text: String) -> Bool {
        (1...128).contains(text.utf8.count) && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    }

    /// `10S`: at most eight digits and a unit.
    private static func grpcTimeout(_ text: String) -> Duration? {
        guard let unit = text.utf8.last, (2...9).contains(text.utf8.count), let count = Int64(text.dropLast()),
            count >= 0
        else { return nil }
        switch unit {
        case UInt8(ascii: "H"): return .seconds(count * 3600)
        case UInt8(ascii: "M"): return .seconds(count * 60)
        case UInt8(ascii: "S"): return .seconds(count)
        case UInt8(ascii: "m"): return .milliseconds(count)
        case UInt8(ascii: "u"): return .microseconds(count)
        case UInt8(ascii: "n"): return .nanoseconds(count)
        default: return nil
        }
    }

    /// `1.5`, and with an `s` behind it.
    private static func seconds(_ text: String) -> Duration? {
        let number = text.hasSuffix("s") ? text.dropLast() : text[...]
        guard let first = number.utf8.first, first >= UInt8(ascii: "0"), first <= UInt8(ascii: "9"),
            let seconds = Double(number), seconds >= 0, seconds <= 31_536_000
        else { return nil }
        return .seconds(seconds)
    }
}

/// What an answer looks like.
enum RESTForm: Sendable, Hashable {
    case json
    /// `text/event-stream`.
    case events
    /// `application/x-ndjson`: a line for each message.
    case lines

    /// The one that an `Accept` header likes best; JSON where it does not say, or wants what there is not.
    init(accept: String?) {
        var (best, bestWeight): (RESTForm, Double) = (.json, 0)
        for range in (accept ?? "").split(separator: ",") {
            let parts = range.split(separator: ";").map { $0.drop { $0 == " " } }
            let form: RESTForm
            switch parts.first.map({ $0.prefix { $0 != " " }.lowercased() }) {
            case "text/event-stream": form = .events
            case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonl",
                "application/jsonlines":
                form = .lines
            case "application/json", "application/*", "*/*": form = .json
            default: continue
            }
            let quality = parts.dropFirst().first { $0.lowercased().hasPrefix("q=") }
            let weight = quality.map { Double($0.dropFirst(2).prefix { $0 != " " }) ?? 0 } ?? 1
            if weight > bestWeight { (best, bestWeight) = (form, weight) }
        }
        self = best
    }
}
