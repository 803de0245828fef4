import Inference
import Testing

@testable import Providers

@Suite struct NDJSONReaderTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let what: String
        let text: String
        let lines: [String]
        var testDescription: String { self.what }
    }

    static let cases: [Case] = [
        Case(what: "line feeds", text: "{\"a\":1}\n{\"b\":2}\n", lines: ["{\"a\":1}", "{\"b\":2}"]),
        Case(what: "carriage returns before them", text: "{}\r\n[]\r\n", lines: ["{}", "[]"]),
        Case(what: "both", text: "{}\r\n[]\n1\r\n", lines: ["{}", "[]", "1"]),
        Case(what: "blank lines", text: "\n\n{}\n\r\n \t\r\n\n[]\n\n", lines: ["{}", "[]"]),
        Case(what: "white space around", text: " \t{}  \r\n\t[ 1 ]\t\n", lines: ["{}", "[ 1 ]"]),
        Case(what: "no line end at the end", text: "{}\n[]", lines: ["{}", "[]"]),
        Case(what: "a carriage return at the end", text: "{}\n[]\r", lines: ["{}", "[]"]),
        Case(what: "a carriage return within", text: "[1,\r2]\n", lines: ["[1,\r2]"]),
        Case(what: "beyond ASCII", text: "\"ñ€😀\"\n\"\u{2028}é\"\n", lines: ["\"ñ€😀\"", "\"\u{2028}é\""]),
        Case(what: "nothing", text: "", lines: []),
        Case(what: "white space alone", text: " \n\t\r\n ", lines: []),
    ]

    static func read(_ portions: [ArraySlice<UInt8>], limit: Int = 1 << 20) throws(UpstreamFault) -> [String] {
        var reader = NDJSONReader(maximumLineBytes: limit)
        var lines: [String] = []
        for portion in portions { try reader.read(Array(portion).span) { lines.append($0.text) } }
        try reader.finish { lines.append($0.text) }
        return lines
    }

    @Test(arguments: cases)
    func `Lines are the same wherever the bytes are split`(_ example: Case) throws {
        let bytes = Array(example.text.utf8)
        #expect(try Self.read([bytes[...]]) == example.lines)
        #expect(try Self.read(bytes.indices.map { bytes[$0...$0] }) == example.lines, "byte by byte")
        for first in 0...bytes.count {
            for second in first...bytes.count {
                let lines = try Self.read([bytes[..<first], bytes[first..<second], bytes[second...]])
                #expect(lines == example.lines, "split at \(first) and \(second)")
            }
        }
    }

    @Test func `Any mix of lines and splits reads as it was written`() throws {
        var random = SplitMix(seed: 5)
        let texts = ["", "{}", "{\"é\":\"😀\"}", "  ", "[1,2]", "\r"]
        for _ in 0..<400 {
            let chosen = (0..<Int(random.next() % 12)).map { _ in texts[Int(random.next() % UInt64(texts.count))] }
            let bytes = Array(chosen.map { $0 + (random.next() % 2 == 0 ? "\n" : "\r\n") }.joined().utf8)
            var portions: [ArraySlice<UInt8>] = []
            var start = 0
            while start < bytes.count {
                let next = min(bytes.count, start + 1 + Int(random.next() % 9))
                portions.append(bytes[start..<next])
                start = next
            }
            #expect(try Self.read(portions) == chosen.filter { $0.contains { !$0.isWhitespace } }, "\(chosen)")
        }
    }

    @Test(arguments: [
        String(repeating: "x", count: 17), String(repeating: "x", count: 17) + "\n", "{}\n0123456789abcdefg",
    ])
    func `A line over the limit is a fault, wherever it is split`(_ text: String) {
        let bytes = Array(text.utf8)
        for split in 0...bytes.count {
            let error = #expect(throws: UpstreamFault.self) {
                try Self.read([bytes[..<split], bytes[split...]], limit: 16)
            }
            #expect(error?.kind == .malformed)
        }
    }

    @Test func `Lines up to the limit pass, however many there are`() throws {
        let bytes = Array(String(repeating: "0123456789abcdef\n", count: 100).utf8)
        #expect(try Self.read([bytes[...]], limit: 16).count == 100)
        #expect(try Self.read(bytes.indices.map { bytes[$0...$0] }, limit: 16).count == 100)
    }

    @Test func `What the receiver throws ends the reading`() {
        var reader = NDJSONReader()
        var lines: [String] = []
        let error = #expect(throws: UpstreamFault.self) {
            try reader.read(Array("1\n2\n3\n".utf8).span) { line throws(UpstreamFault) in
                lines.append(line.text)
                if lines.count == 2 { throw UpstreamFault(.serverError, "enough") }
            }
        }
        #expect(error?.message == "enough" && lines == ["1", "2"])
    }
}
