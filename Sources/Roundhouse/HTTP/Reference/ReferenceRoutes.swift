internal import Dispatch
internal import FoundationEssentials
internal import Hummingbird
internal import LocalEngines
internal import NIOCore
internal import Synchronization

/// `/openapi.json` and `/docs`: the reference, for machines and for people.
struct ReferenceRoutes: HTTPRoutes {
    private let pages: ReferencePages

    /// - Parameter version: of the server.
    init(version: String) {
        self.pages = ReferencePages { try APIReference.roundhouse(version: version) }
    }

    init(_ make: @escaping @Sendable () throws -> APIReference) {
        self.pages = ReferencePages(make)
    }

    var routes: [HTTPRoute] {
        [
            .get("/openapi.json", "the API as an OpenAPI 3.1 document") { [pages] request, _ in
                try await pages.document().response(to: request)
            },
            .get("/docs", "the API's reference, for people") { [pages] request, _ in
                try await pages.page().response(to: request)
            },
        ]
    }
}

/// A text that never changes while the server runs.
struct ReferencePage: Sendable {
    var body: ByteBuffer
    var contentType: String
    /// Of the body's bytes.
    var etag: String
    /// What a browser may do with it; `nil`: nothing is said.
    var policy: String?

    init(_ text: String, contentType: String, policy: String? = nil) {
        self.body = ByteBuffer(string: text)
        self.contentType = contentType
        self.policy = policy
        var digest = SHA256()
        digest.update(Array(text.utf8))
        self.etag = "\"\(Data(digest.finish().prefix(12)).base64EncodedString())\""
    }

    func response(to request: Request) -> Response {
        // Kept, and asked about each time: another version of the server may answer next.
        var headers: HTTPFields = [.cacheControl: "no-cache", .eTag: self.etag]
        if self.isKnown(to: request) { return Response(status: .notModified, headers: headers) }
        headers[.contentType] = self.contentType
        headers[.xContentTypeOptions] = "nosniff"
        if let policy = self.policy { headers[.contentSecurityPolicy] = policy }
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: self.body))
    }

    private func isKnown(to request: Request) -> Bool {
        guard let known = request.headers[.ifNoneMatch] else { return false }
        return known.split(separator: ",").contains { tag in
            let tag = tag.drop { $0 == " " }.prefix { $0 != " " }
            return tag == "*" || tag == self.etag || tag == "W/\(self.etag)"
        }
    }
}

/// Makes both texts when the first of them is asked for, on a thread of its own: neither the start nor the event loops wait
/// for it.
final class ReferencePages: Sendable {
    private struct Texts {
        var document: ReferencePage
        var page: ReferencePage
    }

    private struct State {
        var texts: Result<Texts, any Error>?
        var waiting: [CheckedContinuation<Texts, any Error>] = []
    }

    private let make: @Sendable () throws -> APIReference
    private let queue = DispatchQueue(label: "roundhouse.reference", qos: .utility)
    private let state = Mutex(State())

    init(_ make: @escaping @Sendable () throws -> APIReference) {
        self.make = make
    }

    func document() async throws -> ReferencePage { try await self.texts().document }
    func page() async throws -> ReferencePage { try await self.texts().page }

    private func texts() async throws -> Texts {
        try await withCheckedThrowingContinuation { continuation in
            let (texts, isFirst) = self.state.withLock { state in
                if state.texts == nil { state.waiting.append(continuation) }
                return (state.texts, state.texts == nil && state.waiting.count == 1)
            }
            if let texts { continuation.resume(with: texts) } else if isFirst { self.queue.async { self.render() } }
        }
    }

    private func render() {
        let texts = Result {
            let reference = try self.make()
            return Texts(
                document: ReferencePage(
                    OpenAPIDocument(reference: reference).tree.text(indented: true) + "\n",
                    contentType: "application/json"),
                page: ReferencePage(
                    ReferenceHTML(reference).text, contentType: "text/html; charset=utf-8", policy: ReferenceHTML.policy
                )
            )
        }
        let waiting = self.state.withLock { state in
            state.texts = texts
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume(with: texts) }
    }
}
