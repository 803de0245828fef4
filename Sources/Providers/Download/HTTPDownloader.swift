package import Inference
package import NIOCore
import NIOSSL

/// Fetches files over HTTP: goes on where an earlier attempt stopped, follows redirects, and reads no faster than its
/// consumer writes.
package struct HTTPDownloader: Sendable {
    package static let redirectLimit = 5

    private let group: any EventLoopGroup
    private let settings: Settings

    package struct Settings: Sendable {
        /// The longest silence, before the answer as in it.
        package var idle: Duration = .seconds(60)
        package var connect: Duration = .seconds(10)
        /// Lets a file come over `http` from beyond this machine.
        package var allowInsecure = false
        /// Certificate authorities (PEM) to trust in place of the system's.
        package var caFile: String?
        package var userAgent = "roundhouse"
        /// A key for a server, by its URL such as `https://huggingface.co`. No other server gets to see it.
        package var keys: [String: Secret] = [:]

        package init() {}
    }

    package init(_ settings: Settings = Settings(), group: any EventLoopGroup) {
        self.settings = settings
        self.group = group
    }

    /// Begins to fetch the file at `url`.
    ///
    /// - Parameters:
    ///   - offset: bytes that are there from an earlier attempt; at least 0.
    ///   - validator: ``Download/validator`` of that attempt. Without one the file begins anew, since nothing could tell
    ///     whether it is still the same.
    /// - Throws: ``UpstreamFault``. What goes wrong later ends ``Download/chunks``.
    package func open(
        _ url: String, from offset: Int64 = 0, validator: String? = nil
    ) async throws(UpstreamFault) -> Download {
        var target = try self.checked { () throws(HTTPOrigin.InvalidURL) in try HTTPTarget(url) }
        try self.checkScheme(target)
        var request = Part(offset: max(0, offset), validator: validator)
        for _ in 0...Self.redirectLimit {
            let (head, chunks) = try await self.ask(target, for: request)
            switch head.status {
            case 301, 302, 303, 307, 308: target = try self.redirected(from: target, head)
            case 300..<400:
                throw UpstreamFault(
                    .malformed, "\(target.origin): expected a file, got HTTP \(head.status)", httpStatus: head.status)
            case 416:
                let total = head.contentRange.flatMap { ContentRange($0) }?.total
                if request.isResumed, total == request.offset {
                    // All of it was there already; the range would have been empty.
                    return Download(
                        totalBytes: total, resumedFrom: request.offset, validator: request.validator,
                        chunks: DownloadChunks(nil))
                }
                guard request.isResumed else {
                    throw UpstreamFault(
                        .malformed, "\(target.origin): HTTP 416 for a whole file", httpStatus: head.status)
                }
                request = Part(offset: 0, validator: nil)
            default: return try Self.download(request, head, chunks, from: target.origin)
            }
        }
        throw UpstreamFault(
            .unreachable, "more than \(Self.redirectLimit) redirects, the last to \(target.origin)")
    }

    /// The part of a file that is wanted.
    private struct Part {
        var offset: Int64
        var validator: String?

        init(offset: Int64, validator: String?) {
            // A weak tag promises the same meaning, not the same bytes.
            let isUsable = validator.map { !$0.isEmpty && !$0.hasPrefix("W/") && HTTPField.isValidValue($0) } ?? false
            self.offset = isUsable ? offset : 0
            self.validator = isUsable ? validator : nil
        }

        var isResumed: Bool { self.offset > 0 }
    }

    private static func download(
        _ part: Part, _ head: HTTPResponseHead, _ chunks: DownloadChunks, from origin: HTTPOrigin
    ) throws(UpstreamFault) -> Download {
        let validator = self.validator(head)
        guard head.status == 206 else {
            return Download(
                totalBytes: head.contentLength.map { Int64($0) }, resumedFrom: 0, validator: validator, chunks: chunks)
        }
        guard part.isResumed else {
            throw UpstreamFault(
                .malformed, "\(origin): a part of a file that was asked for as a whole", httpStatus: 206)
        }
        // Only of its own kind: a server may add an ETag to what was known by its date.
        if let asked = part.validator, let validator, asked.hasPrefix("\"") == validator.hasPrefix("\""),
            asked != validator
        {
            throw UpstreamFault(
                .malformed, "\(origin): it went on with another file, although If-Range named the one wanted",
                httpStatus: 206)
        }
        return Download(
            totalBytes: head.contentRange.flatMap { ContentRange($0) }?.total, resumedFrom: part.offset,
            validator: validator ?? part.validator, chunks: chunks)
    }

    private static func validator(_ head: HTTPResponseHead) -> String? {
        if let tag = head.entityTag, tag.hasPrefix("\""), tag.utf8.count >= 2, tag.hasSuffix("\"") { return tag }
        return head.lastModified.flatMap { RetryAfter.date($0) == nil ? nil : $0 }
    }

    // MARK: - One request

    private func ask(
        _ target: HTTPTarget, for part: Part
    ) async throws(UpstreamFault) -> (HTTPResponseHead, DownloadChunks) {
        let secret = self.key(for: target.origin)
        var fields = [
            (name: "user-agent", value: self.settings.userAgent), (name: "accept", value: "*/*"),
            (name: "accept-encoding", value: "identity"), (name: "connection", value: "close"),
        ]
        if let secret { fields.append((name: "authorization", value: "Bearer \(secret.revealed)")) }
        if part.isResumed, let validator = part.validator {
            fields.append((name: "range", value: "bytes=\(part.offset)-"))
            fields.append((name: "if-range", value: validator))
        }
        let template = HTTPRequestTemplate(method: "GET", path: target.path, origin: target.origin, fields: fields)
        let stream = try self.client(target.origin).send(
            template.request(body: [], requestID: ""),
            decoder: DownloadDecoder(offset: part.offset, secret: secret))
        let prefix = "\(target.origin): "
        let redact = { @Sendable (fault: UpstreamFault) in
            var fault = fault
            fault.message = prefix + (secret?.redact(fault.message) ?? fault.message)
            return fault
        }
        do throws(UpstreamFault) {
            guard let first = try await stream.next(), case .head(let head)? = first.first else {
                throw UpstreamFault(.truncated, "the connection closed before an answer came")
            }
            return (head, DownloadChunks(stream, first: first, redact: redact))
        } catch {
            stream.cancel()
            throw redact(error)
        }
    }

    private func client(_ origin: HTTPOrigin) throws(UpstreamFault) -> HTTPClient {
        var timeouts = HTTPTimeouts()
        timeouts.connect = self.settings.connect
        timeouts.firstToken = self.settings.idle
        timeouts.idle = self.settings.idle
        // Files are large and lines are slow; only silence counts.
        timeouts.total = .seconds(30 * 86_400)
        timeouts.keepAlive = .seconds(1)
        var tls: NIOSSLContext?
        if origin.isSecure {
            do {
                tls =
                    try self.settings.caFile.map { try UpstreamTLS.trusting(caFile: $0) }
                    ?? UpstreamTLS.system()
            } catch {
                throw UpstreamFault(
                    .unreachable, "expected certificates in PEM (\(HTTPOrigin.describe(error)))")
            }
        }
        return HTTPClient(origin: origin, group: self.group, timeouts: timeouts, tls: tls)
    }

    private func key(for origin: HTTPOrigin) -> Secret? {
        for (url, key) in self.settings.keys where !key.isEmpty && HTTPField.isValidValue(key.revealed) {
            if let server = try? HTTPOrigin(url), server.isSameServer(as: origin) { return key }
        }
        return nil
    }

    // MARK: - Where to

    private func redirected(from target: HTTPTarget, _ head: HTTPResponseHead) throws(UpstreamFault) -> HTTPTarget {
        guard let location = head.location, !location.isEmpty else {
            throw UpstreamFault(
                .malformed, "\(target.origin): location: missing in a redirect", httpStatus: head.status)
        }
        let next = try self.checked { () throws(HTTPOrigin.InvalidURL) in try target.following(location) }
        if next.origin.isLoopback, !target.origin.isLoopback {
            throw UpstreamFault(
                .unreachable, "\(target.origin) redirects to this machine, which is refused", httpStatus: head.status)
        }
        if target.isEncrypted, !next.isEncrypted, !next.origin.isLoopback {
            throw UpstreamFault(
                .unreachable, "\(target.origin) redirects from https to http, which is refused",
                httpStatus: head.status)
        }
        try self.checkScheme(next)
        return next
    }

    private func checkScheme(_ target: HTTPTarget) throws(UpstreamFault) {
        guard target.isEncrypted || target.origin.isLoopback || self.settings.allowInsecure else {
            throw UpstreamFault(
                .invalidRequest, "url: expected https, since \(target.origin.host) is not this machine")
        }
    }

    private func checked(
        _ make: () throws(HTTPOrigin.InvalidURL) -> HTTPTarget
    ) throws(UpstreamFault) -> HTTPTarget {
        do throws(HTTPOrigin.InvalidURL) {
            return try make()
        } catch {
            throw UpstreamFault(.invalidRequest, "url: \(error)")
        }
    }
}
