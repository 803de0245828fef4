import Inference
import Providers

/// What lies beneath the decoders: whatever the bytes are, it must not matter how they arrive.
extension Target {
    static let readers: [Target] = [
        Self.reader("sse") { bytes, portions, events throws(UpstreamFault) in
            var reader = SSEReader()
            for portion in portions {
                try bytes.withCopy(of: portion) { copy throws(UpstreamFault) in
                    try reader.read(copy) { events.append(Event(name: $0, $1)) }
                }
            }
            try reader.finish { events.append(Event(name: $0, $1)) }
        },
        Self.reader("ndjson") { bytes, portions, lines throws(UpstreamFault) in
            var reader = NDJSONReader()
            for portion in portions {
                try bytes.withCopy(of: portion) { copy throws(UpstreamFault) in
                    try reader.read(copy) { lines.append($0.array) }
                }
            }
            try reader.finish { lines.append($0.array) }
        },
        Self.reader("http-response") { bytes, portions, responses throws(UpstreamFault) in
            var parser = HTTPResponseParser()
            for portion in portions {
                try bytes.withCopy(of: portion) { copy throws(UpstreamFault) in
                    try Self.read(copy, &parser, &responses)
                }
            }
            if parser.endsWithConnection { responses[responses.count - 1].isComplete = true }
        },
    ]

    private struct Event: Equatable, Sendable {
        let name: String?
        let data: [UInt8]

        init(name: String?, _ data: Span<UInt8>) {
            self.name = name
            self.data = data.array
        }
    }

    private struct Response: Equatable, Sendable {
        let head: HTTPResponseHead
        let keepsAlive: Bool
        var body: [UInt8] = []
        var isComplete = false
    }

    private static func read(
        _ bytes: Span<UInt8>, _ parser: inout HTTPResponseParser, _ responses: inout [Response]
    ) throws(UpstreamFault) {
        var position = 0
        while true {
            let before = position
            let step = try parser.step(bytes, &position)
            guard position >= before, position <= bytes.count else { complain("from \(before) to \(position)") }
            switch step {
            case .needMore:
                guard position == bytes.count else { complain("wants more and has \(bytes.count - position)") }
                return
            case .head: responses.append(Response(head: parser.head, keepsAlive: parser.keepsAlive))
            case .body(let range):
                guard !range.isEmpty, range.upperBound == position else { complain("\(range) up to \(position)") }
                for place in range { responses[responses.count - 1].body.append(bytes[place]) }
            case .end:
                responses[responses.count - 1].isComplete = true
                if position == bytes.count { return }
            }
        }
    }

    /// - Parameter read: takes portions of the bytes and appends what they hold, up to a fault.
    static func reader<Element: Equatable & Sendable>(
        _ name: String,
        _ read:
            @escaping @Sendable (Span<UInt8>, [Range<Int>], inout [Element]) throws(UpstreamFault) -> Void
    ) -> Target {
        Target(name: name) { bytes in
            var choices = Choices(bytes)
            var first: Outcome<Element>?
            for cut in Cut.all(bytes.count, &choices) {
                var outcome = Outcome<Element>()
                do throws(UpstreamFault) {
                    try read(bytes, cut.portions, &outcome.elements)
                } catch {
                    outcome.fault = error.kind
                }
                if let first, first != outcome { complain("whole it is \(first), \(cut.name) it is \(outcome)") }
                first = outcome
            }
        }
    }
}
