package import Inference
package import NIOCore

/// Calls of an upstream's own API beside its generation: listings, loads, unloads. One JSON text each way.
///
/// Not for the token path: answers are collected whole and decoded with `Codable`.
package final class JSONClient: Sendable {
    /// The longest answer: OpenRouter's listing, the longest known, has about 1 MiB.
    package static let maximumBodyBytes = 16 << 20

    package let origin: HTTPOrigin
    private let client: HTTPClient
    private let fields: [(name: String, value: String)]
    private let keyed: KeyedAttempts
    private let errors: JSONErrors
    private let headerSecrets: [Secret]

    /// Opens no connection yet.
    ///
    /// - Parameters:
    ///   - keyField: where the upstream wants the key.
    ///   - format: fields that its wire format asks for in every request.
    ///   - errors: what they mean; as with OpenAI when not told.
    /// - Throws: ``EndpointConfiguration/Invalid``, naming the field.
    package init(
        _ configuration: EndpointConfiguration, key keyField: KeyField = .bearer,
        format: [(name: String, value: String)] = [],
        errors: JSONErrors = .openAI, group: any EventLoopGroup
    ) throws(EndpointConfiguration.Invalid) {
        self.origin = try configuration.origin()
        self.keyed = try configuration.keyedAttempts(keyField)
        self.errors = errors
        self.headerSecrets = configuration.headerSecrets
        self.fields = try configuration.sharedFields(format: format).map { field in
            field.name == "accept" ? (name: field.name, value: "application/json") : field
        }
        var timeouts = HTTPTimeouts.listing
        timeouts.connect = min(configuration.timeouts.connect, .seconds(3))
        timeouts.queue = .seconds(2)
        var limits = HTTPLimits()
        limits.connections = 8
        limits.waitingRequests = 64
        self.client = HTTPClient(
            origin: self.origin, group: group, timeouts: timeouts, limits: limits,
            tls: try configuration.tls(for: self.origin))
    }

    /// Where a call goes.
    package enum Path: Sendable, Hashable {
        /// Under the base URL: `/models` is `/v1/models`.
        case base(String)
        /// Under the base URL without its `/v1`: `/api/tags`.
        case native(String)
    }

    /// - Throws: ``UpstreamFault`` whose message begins with the method and the path; ``UpstreamFault/Kind/malformed``
    ///   when the answer is not what `Answer` promises, naming the field.
    package func get<Answer: Decodable>(
        _ path: Path, as type: Answer.Type = Answer.self, within timeouts: HTTPTimeouts = .listing
    ) async throws(UpstreamFault) -> Answer {
        try await self.call("GET", path, body: [], as: type, within: timeouts)
    }

    /// - Throws: as ``get(_:as:within:)``.
    package func post<Answer: Decodable>(
        _ path: Path, _ body: JSONWriter, as type: Answer.Type = Answer.self,
        within timeouts: HTTPTimeouts = .listing
    ) async throws(UpstreamFault) -> Answer {
        try await self.call("POST", path, body: body.bytes, as: type, within: timeouts)
    }

    /// Closes the connections that idle and takes no more calls.
    package func shutdown() {
        self.client.shutdown()
    }

    private func call<Answer: Decodable>(
        _ method: String, _ path: Path, body: [UInt8], as type: Answer.Type, within timeouts: HTTPTimeouts
    ) async throws(UpstreamFault) -> Answer {
        let target =
            switch path {
            case .base(let rest): self.origin.path + rest
            case .native(let rest): self.origin.nativePath + rest
            }
        let template = HTTPRequestTemplate(
            method: method, path: target, origin: self.origin,
            fields: method == "GET" ? self.fields.filter { $0.name != "content-type" } : self.fields)
        do throws(UpstreamFault) {
            return try await self.keyed.run(for: "") { attempt throws(UpstreamFault) in
                try await self.answer(template, body, attempt, as: type, within: timeouts)
            }
        } catch {
            var fault = error
            fault.message = "\(method) \(target): \(fault.message)"
            throw fault
        }
    }

    private func answer<Answer: Decodable>(
        _ template: HTTPRequestTemplate, _ body: [UInt8], _ attempt: KeyedAttempts.Attempt, as type: Answer.Type,
        within timeouts: HTTPTimeouts
    ) async throws(UpstreamFault) -> Answer {
        do throws(UpstreamFault) {
            let decoder = JSONAnswerDecoder(
                collected: CollectedBody(
                    secret: attempt.secret, maximumBytes: Self.maximumBodyBytes, explain: self.errors.failure))
            let stream = self.client.send(
                template.request(body: body, requestID: "", key: attempt.key), decoder: decoder, timeouts: timeouts)
            guard let answer = try await stream.next()?.first else {
                throw UpstreamFault(.truncated, "the connection closed in the middle of the answer")
            }
            return try answer.decode(type, errors: self.errors)
        } catch {
            throw error.redacted(self.headerSecrets).redacted(attempt.secret)
        }
    }
}

extension HTTPTimeouts {
    /// For questions that a server may have to think about.
    package static let listing = Self.limits(total: .seconds(60), firstToken: .seconds(60))
    /// For questions that are answered from memory.
    package static let status = Self.limits(total: .seconds(4), firstToken: .seconds(3))

    package static func limits(total: Duration, firstToken: Duration) -> HTTPTimeouts {
        var timeouts = HTTPTimeouts()
        timeouts.firstToken = firstToken
        timeouts.idle = firstToken
        timeouts.total = total
        return timeouts
    }
}
