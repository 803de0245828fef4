import Inference
import Testing

@testable import Providers

@Suite struct SSEReaderTests {
    struct Event: Hashable {
        var name: String?
        var data: String

        init(_ data: String, name: String? = nil) {
            self.data = data
            self.name = name
        }
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let what: String
        let text: String
        let events: @Sendable () -> [Event]
        var testDescription: String { self.what }
    }

    static let cases: [Case] = [
        Case(what: "line feeds", text: "data: a\n\ndata: b\n\n") { [Event("a"), Event("b")] },
        Case(what: "carriage returns", text: "data: a\r\rdata: b\r\r") { [Event("a"), Event("b")] },
        Case(what: "both", text: "data: a\r\n\r\ndata: b\r\n\r\n") { [Event("a"), Event("b")] },
        Case(what: "all three mixed", text: "data: a\r\n\ndata: b\r\rdata: c\n\r\n") {
            [Event("a"), Event("b"), Event("c")]
        },
        Case(what: "several data lines", text: "data: a\ndata\ndata:b\ndata:  c\n\n") { [Event("a\n\nb\n c")] },
        Case(what: "comments and unknown fields", text: ": hello\n\nid: 7\nretry: 1\nfoo\nfoo: bar\ndata: a\n:x\n\n") {
            [Event("a")]
        },
        Case(what: "empty data", text: "data:\n\ndata\n\n\n\ndata: \n\n") { [Event(""), Event(""), Event("")] },
        Case(what: "names", text: "event: error\ndata: a\n\ndata: b\nevent:x\n\nevent: lost\n\ndata: c\n\n") {
            [Event("a", name: "error"), Event("b", name: "x"), Event("c")]
        },
        Case(what: "byte order mark", text: "\u{FEFF}data: a\n\n") { [Event("a")] },
        Case(what: "a later byte order mark is not one", text: "data: a\n\n\u{FEFF}data: b\n\n") { [Event("a")] },
        Case(what: "no final blank line", text: "data: a\n\ndata: b") { [Event("a"), Event("b")] },
        Case(what: "one line end at the end", text: "data: a\r") { [Event("a")] },
        Case(what: "beyond ASCII", text: "data: añ€😀\n\ndata: \u{2028}é\n\n") { [Event("añ€😀"), Event("\u{2028}é")] },
        Case(what: "colons in the data", text: "data: a: b:c\n\ndatas: no\n\ndat: no\n\n") { [Event("a: b:c")] },
        Case(what: "nothing", text: "") { [] },
    ]

    static func read(_ portions: [ArraySlice<UInt8>], limit: Int = 1 << 20) throws(UpstreamFault) -> [Event] {
        var reader = SSEReader(maximumEventBytes: limit)
        var events: [Event] = []
        for portion in portions {
            try reader.read(Array(portion).span) { events.append(Event($1.text, name: $0)) }
        }
        try reader.finish { events.append(Event($1.text, name: $0)) }
        return events
    }

    @Test(arguments: cases)
    func `Events are the same wherever the bytes are split`(_ example: Case) throws {
        let bytes = Array(example.text.utf8)
        let expected = example.events()
        #expect(try Self.read([bytes[...]]) == expected)
        #expect(try Self.read(bytes.indices.map { bytes[$0...$0] }) == expected, "byte by byte")
        for first in 0...bytes.count {
            #expect(try Self.read([bytes[..<first], bytes[first...]]) == expected, "split at \(first)")
            for second in first...bytes.count {
                let events = try Self.read([bytes[..<first], bytes[first..<second], bytes[second...]])
                #expect(events == expected, "split at \(first) and \(second)")
            }
        }
    }

    @Test func `Any mix of lines and splits reads as the specification says`() throws {
        var random = SplitMix(seed: 42)
        let lines = ["", "", "data: x", "data:yé", "data", ": c", "event: n", "id: 1", "data: 😀😀"]
        let ends = ["\n", "\r", "\r\n"]
        for _ in 0..<400 {
            // One kind of end for each text: CR LF after a CR is one end or two, depending on the writer's intent.
            let end = ends[Int(random.next() % 3)]
            let chosen = (0..<Int(random.next() % 12)).map { _ in lines[Int(random.next() % UInt64(lines.count))] }
            let bytes = Array(chosen.map { $0 + end }.joined().utf8)
            var portions: [ArraySlice<UInt8>] = []
            var start = 0
            while start < bytes.count {
                let next = min(bytes.count, start + 1 + Int(random.next() % 9))
                portions.append(bytes[start..<next])
                start = next
            }
            #expect(try Self.read(portions) == Self.reference(chosen), "\(chosen)")
        }
    }

    /// The specification, line by line, with no thought for speed.
    private static func reference(_ lines: [String]) -> [Event] {
        var events: [Event] = []
        var data: [String] = []
        var name: String?
        for line in lines + [""] {
            if line.isEmpty {
                if !data.isEmpty { events.append(Event(data.joined(separator: "\n"), name: name)) }
                data = []
                name = nil
            } else if line == "data" {
                data.append("")
            } else if line.hasPrefix("data:") {
                let value = line.dropFirst(5)
                data.append(String(value.hasPrefix(" ") ? value.dropFirst() : value))
            } else if line.hasPrefix("event: ") {
                name = String(line.dropFirst(7))
            }
        }
        return events
    }

    @Test(arguments: [
        "data: \(String(repeating: "x", count: 40))\n\n", "data: 0123456789\ndata: 0123456789\n\n",
        ": \(String(repeating: "x", count: 40))", String(repeating: "x", count: 40),
    ])
    func `An event over the limit is a fault, wherever it is split`(_ text: String) {
        let bytes = Array(text.utf8)
        for split in 0...bytes.count {
            let error = #expect(throws: UpstreamFault.self) {
                try Self.read([bytes[..<split], bytes[split...]], limit: 16)
            }
            #expect(error?.kind == .malformed)
        }
    }

    @Test func `Events up to the limit pass, however many there are`() throws {
        let bytes = Array(String(repeating: "data: 0123456789\n\n", count: 100).utf8)
        #expect(try Self.read([bytes[...]], limit: 16).count == 100)
        #expect(try Self.read(bytes.indices.map { bytes[$0...$0] }, limit: 16).count == 100)
    }
}

/// A small generator with a seed, so that a failure can be had again.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        self.state = seed
    }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
