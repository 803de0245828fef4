/// A way in which an endpoint of a fake server departs from what is documented.
package enum Divergence: Sendable {
    /// Every field of this name is left out.
    case missing(String)
    /// Every field of this name has this value.
    case changed(String, JSONText)
    /// A page, with status 200.
    case html
    /// An `error` in the place of the answer, with this status.
    case error(String, status: String)
    /// The answer stops in the middle and the connection closes.
    case truncated
    /// The connection closes without an answer.
    case closed
    /// Anything else.
    case steps([FaultUpstream.Step])

    package static var notFound: Divergence { .error("not found", status: "404 Not Found") }
    package static var busy: Divergence {
        .error("server busy, please try again.  maximum pending requests exceeded", status: "503 Service Unavailable")
    }

    /// Whether the server does what it was asked to, and only tells it wrongly.
    var isOnlyInWords: Bool {
        switch self {
        case .missing, .changed, .truncated: true
        case .html, .error, .closed, .steps: false
        }
    }

    /// What is sent in the place of `answer`.
    func steps(for answer: JSONText) -> [FaultUpstream.Step] {
        switch self {
        case .missing(let name): .whole(answer.without(name).encoded)
        case .changed(let name, let value): .whole(answer.with(name, value).encoded)
        case .html: .whole("<!doctype html><title>Sign in</title>", type: "text/html; charset=utf-8")
        case .error(let message, let status):
            .whole(JSONText.fields(["error": .text(message)]).encoded, status: status)
        case .truncated:
            [
                .send(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: "
                        + "\(answer.encoded.utf8.count)\r\n\r\n" + answer.encoded.prefix(answer.encoded.count / 2)),
                .close,
            ]
        case .closed: [.close]
        case .steps(let steps): steps
        }
    }
}
