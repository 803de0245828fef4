// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Names of the wire format.

import FoundationEssentials
import Inference
import ModelRegistry
import Routing
import TestSupport
import Testing

@testable import Roundhouse

/// The OpenAI-compatible routes over scripted providers, on a port of their own. Every provider has a model `m`; the alias
/// `all` asks them in order.
struct OpenAIDoor: Sendable {
    let http: HTTPPort
    let records: RecordKeeper

    static func with<Value>(
        _ providers: ScriptedProvider...,
        streams: OpenAIGeneration.Streams = .init(),
        passesExtraFields: @escaping @Sendable (ProviderID) -> Bool = { _ in true },
        body: (OpenAIDoor) async throws -> Value
    ) async throws -> Value {
        let models = try providers.enumerated().map { index, provider in
            ModelDescription(
                id: try #require(ModelID(provider: provider.id, name: "m")),
                capabilities: [.chat, .streaming, .prefill, .tools],
                prices: ModelPrices(input: 1_000_000, output: 2_000_000), priority: index)
        }
        let registry = Registry(
            try RegistrySnapshot(
                providers: providers.map { ProviderDescription(id: $0.id, kind: "custom") },
                models: models, aliases: [Alias(name: "all", targets: models.map(\.id))]))
        let router = Router(
            registry: registry,
            catalog: ProviderCatalog(Dictionary(uniqueKeysWithValues: providers.map { ($0.id, $0) })),
            figures: RoutingFigures(), policy: .oneAttemptEach)
        let records = RecordKeeper()
        let pipeline = Pipeline(router: router, recorder: records, counters: RequestCounters())
        let routes = OpenAIGenerationRoutes(
            generation: OpenAIGeneration(pipeline: pipeline, streams: streams, passesExtraFields: passesExtraFields),
            bodyLimits: BodyLimits(bytes: 1 << 20, time: .seconds(30)))
        return try await HTTPPort.with([routes]) { http in
            try await body(OpenAIDoor(http: http, records: records))
        }
    }

    static let chat = "/v1/chat/completions"

    static func body(_ rest: String = "", isStreamed: Bool = false) -> String {
        let stream = isStreamed ? #","stream":true"# : ""
        return #"{"model":"all","messages":[{"role":"user","content":"Hello"}]\#(stream)\#(rest)}"#
    }

    static func head(_ path: String, _ body: String, _ headers: [String] = []) -> String {
        ([
            "POST \(path) HTTP/1.1", "Host: test", "Content-Type: application/json",
            "Content-Length: \(body.utf8.count)",
        ] + headers).joined(separator: "\r\n") + "\r\n\r\n" + body
    }

    func ask(_ path: String = Self.chat, _ body: String = Self.body(), headers: [String] = []) async throws -> RawAnswer
    {
        try await self.http.ask(
            path, method: "POST", headers: ["Content-Type: application/json"] + headers, body: body)
    }

    /// Asks for a stream, of which nothing is read yet.
    func stream(
        _ path: String = Self.chat, _ rest: String = "", headers: [String] = []
    ) throws -> StreamReading {
        let connection = try self.http.connect()
        try connection.send(Self.head(path, Self.body(rest, isStreamed: true), headers))
        return StreamReading(connection)
    }
}

/// Reads an answer in chunks as it comes: head, events, comments, and how it ended. Understands what a client must, and
/// nothing else.
final class StreamReading {
    let connection: RawConnection
    private var bytes: [UInt8] = []
    private var text: [UInt8] = []

    /// Empty until the head is there.
    private(set) var statusLine = ""
    private(set) var headers: [String: String] = [:]
    private(set) var interim: [String] = []
    /// What stood after `data: `.
    private(set) var events: [String] = []
    private(set) var comments: [String] = []
    private(set) var isTerminated = false
    private(set) var isClosed = false
    private(set) var body = ""

    init(_ connection: RawConnection) {
        self.connection = connection
    }

    var status: Int { self.statusLine.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0 }

    /// Reads until `isEnough`, or the end.
    ///
    /// - Returns: `false` when nothing came for ten seconds.
    @discardableResult
    func read(until isEnough: (StreamReading) -> Bool = { $0.isTerminated }) async -> Bool {
        while !isEnough(self), !self.isClosed {
            guard let more = await self.connection.receive(within: .seconds(10)) else { return false }
            if more.isEmpty { self.isClosed = true }
            self.bytes += more
            while self.takeHead() || self.takeChunk() {}
        }
        return true
    }

    private func takeHead() -> Bool {
        guard self.statusLine.isEmpty, let head = self.takeText(upTo: [13, 10, 13, 10]) else { return false }
        var lines = head.split(separator: "\r\n").map(String.init)
        let status = lines.isEmpty ? "" : lines.removeFirst()
        if status.contains(" 1") {
            self.interim.append(status)
            return true
        }
        self.statusLine = status
        for line in lines {
            guard let colon = line.firstIndex(of: ":") else { continue }
            self.headers[line[..<colon].lowercased()] = String(line[line.index(after: colon)...].drop { $0 == " " })
        }
        return true
    }

    private func takeChunk() -> Bool {
        guard !self.statusLine.isEmpty, !self.isTerminated else { return false }
        let before = self.bytes
        guard let size = self.takeText(upTo: [13, 10]).flatMap({ Int($0, radix: 16) }),
            self.bytes.count >= size + 2
        else {
            self.bytes = before
            return false
        }
        self.text += self.bytes.prefix(size)
        self.body += String(decoding: self.bytes.prefix(size), as: UTF8.self)
        self.bytes.removeFirst(size + 2)
        if size == 0 { self.isTerminated = true }
        while let end = self.text.firstPlace(of: [10, 10]) {
            let event = String(decoding: self.text[..<end], as: UTF8.self)
            self.text.removeFirst(end + 2)
            for line in event.split(separator: "\n") {
                if line.hasPrefix(":") { self.comments.append(String(line)) }
                if line.hasPrefix("data: ") { self.events.append(String(line.dropFirst(6))) }
            }
        }
        return true
    }

    private func takeText(upTo end: [UInt8]) -> String? {
        guard let place = self.bytes.firstPlace(of: end) else { return nil }
        let text = String(decoding: self.bytes[..<place], as: UTF8.self)
        self.bytes.removeFirst(place + end.count)
        return text
    }

    /// The events that are chunks.
    func chunks() throws -> [ChatChunk] { try self.events.filter { $0 != "[DONE]" }.map(ChatChunk.init) }
}

extension [UInt8] {
    func firstPlace(of part: [UInt8]) -> Int? {
        guard self.count >= part.count else { return nil }
        return (0...(self.count - part.count)).first { self[$0..<($0 + part.count)].elementsEqual(part) }
    }
}

/// A chunk as a client reads it; of a whole answer the message is read as the delta.
struct ChatChunk: Decodable {
    struct Choice: Decodable {
        struct Delta: Decodable {
            struct Call: Decodable {
                struct Function: Decodable {
                    var name: String?
                    var arguments: String?
                }
                var index: Int?
                var id: String?
                var type: String?
                var function: Function
            }
            struct Annotation: Decodable {
                struct Place: Decodable {
                    var url: String
                    var title: String
                }
                var type: String
                var url_citation: Place?
            }
            var role: String?
            var content: String?
            var refusal: String?
            var reasoning_content: String?
            var tool_calls: [Call]?
            var annotations: [Annotation]?
        }
        struct Logprobs: Decodable {
            struct Entry: Decodable, Equatable { var token: String }
            var content: [Entry]
        }
        var index: Int
        var delta: Delta?
        var message: Delta?
        var text: String?
        var logprobs: Logprobs?
        var finish_reason: String?
    }
    struct Usage: Decodable {
        struct Details: Decodable {
            var cached_tokens: Int?
            var reasoning_tokens: Int?
        }
        var prompt_tokens: Int
        var completion_tokens: Int
        var total_tokens: Int
        var prompt_tokens_details: Details
        var completion_tokens_details: Details
    }
    struct Failure: Decodable {
        var message: String
        var type: String
        var code: String?
    }
    struct Roundhouse: Decodable {
        var model: String
        var attempts: Int
        var cost_usd: Double?
    }
    var id: String?
    var object: String?
    var created: Int?
    var model: String?
    var choices: [Choice]?
    var usage: Usage?
    var error: Failure?
    var roundhouse: Roundhouse?

    init(_ json: String) throws {
        self = try JSONDecoder().decode(Self.self, from: Data(json.utf8))
    }
}
