import FoundationEssentials
import Testing

@testable import Roundhouse

@Suite struct JSONTextTests {
    /// Every kind of value, nested, with escapes and characters of two to four bytes.
    static let sample = #"""
        { "a": [1, -0, 2.5e3, -1.25E-2, 9223372036854775807, 1e400], "ü€😀": "x\n\"\\\/\u00fc\ud83d\ude00",
          "empty": [{}, [], ""], "words": [true, false, null], "deep": {"er": {"still": [[["here"]]]}} }
        """#

    @Test func `Values are what was written`() throws {
        let root = try JSONText(Self.sample).root
        #expect(root.members.map { $0.key.string } == ["a", "ü€😀", "empty", "words", "deep"])
        let numbers = try #require(root["a"])
        #expect(numbers.elements.map(\.raw) == ["1", "-0", "2.5e3", "-1.25E-2", "9223372036854775807", "1e400"])
        #expect(numbers.elements.map(\.integer) == [1, 0, 2500, nil, .max, nil])
        #expect(numbers.elements.map(\.number) == [1, 0, 2500, -0.0125, 0x1p63, .infinity])
        #expect(root.members.map { $0.value }[1].string == "x\n\"\\/ü😀")
        #expect(root["empty"]?.raw == #"[{}, [], ""]"#)
        #expect(root["words"]?.elements.map(\.boolean) == [true, false, nil])
        #expect(root["words"]?.elements.map(\.isNull) == [false, false, true])
        #expect(root["none"] == nil)
    }

    @Test(
        arguments: [
            ("9223372036854775807", Int64.max), ("-9223372036854775808", .min), ("9223372036854775808", nil),
            ("-9223372036854775809", nil), ("3.0", 3), ("3e2", 300), ("3.5", nil), ("-0", 0), ("1e19", nil),
        ] as [(String, Int64?)])
    func `A whole number is one however it is written, as long as it fits`(_ text: String, _ value: Int64?) throws {
        #expect(try JSONText(text).root.integer == value)
    }

    /// A broken text, where it breaks, and a word of the reason.
    struct Broken: Sendable {
        var text: String
        var offset: Int
        var words: String

        init(_ text: String, _ offset: Int, _ words: String) {
            (self.text, self.offset, self.words) = (text, offset, words)
        }
    }

    @Test(arguments: [
        Broken("", 0, "found the end"), Broken("  ", 2, "found the end"), Broken("{", 1, "has no end"),
        Broken(#"{"a":1,}"#, 7, "a key in quotation marks"), Broken("[1,]", 3, "found ']'"),
        Broken("[1 2]", 3, "',' or ']'"),
        Broken(#"{"a" 1}"#, 5, "':' is expected"), Broken(#"{"a":}"#, 5, "found '}'"), Broken("{a:1}", 1, "found 'a'"),
        Broken(#"{'a':1}"#, 1, "found '''"), Broken("01", 0, "a 0 too many"), Broken("-", 1, "a digit"),
        Broken("1.", 2, "a digit"), Broken("1.e3", 2, "a digit"), Broken("+1", 0, "found '+'"),
        Broken(".5", 0, "found '.'"),
        Broken("NaN", 0, "found 'N'"), Broken("nul", 0, "'null'"), Broken("True", 0, "found 'T'"),
        Broken("tru", 0, "'true'"), Broken(#""abc"#, 4, "has no end"), Broken("\"a\nb\"", 2, "control character 10"),
        Broken(#""\x""#, 1, "no escape"), Broken(#""\u12g4""#, 5, "four hexadecimal digits"),
        Broken(#""\ud83d""#, 1, "half of a surrogate pair"), Broken(#""\ude00""#, 1, "half of a surrogate pair"),
        Broken(#""\ud83d\u0041""#, 1, "half of a surrogate pair"), Broken("{} x", 3, "goes on behind its end"),
        Broken("1 2", 2, "goes on"), Broken("\u{FEFF}{}", 0, "found"), Broken("[1}", 2, "',' or ']'"),
    ])
    func `What is no JSON is told with its place`(_ broken: Broken) {
        #expect {
            _ = try JSONText(broken.text)
        } throws: { error in
            let problem = error as? JSONProblem
            return problem?.offset == broken.offset && problem?.reason.contains(broken.words) == true
        }
    }

    @Test func `The place is told by line and character, too`() {
        #expect {
            _ = try JSONText("{\n  \"ü\": 1,\n  \"ö\" 2\n}")
        } throws: { error in
            "\(error)" == "at byte 20 (line 3, column 7): ':' is expected after a key, found '2'"
        }
    }

    @Test func `Bytes that are no UTF-8 are told with their place`() {
        for (bytes, offset) in [
            ([0x22, 0xFF, 0x22], 1), ([0x22, 0x41, 0xC3, 0x22], 2), ([0x22, 0xED, 0xA0, 0x80, 0x22], 1),
        ] {
            #expect {
                _ = try JSONText(bytes.map { UInt8($0) })
            } throws: { error in
                (error as? JSONProblem)?.offset == offset && "\(error)".contains("no UTF-8")
            }
        }
    }

    @Test func `So many arrays and objects may stand inside one another and no more`() throws {
        for (open, close) in [("[", "]"), (#"{"a":"#, "}")] {
            let deep = { (depth: Int) in
                String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth)
            }
            #expect(throws: Never.self) { _ = try JSONText(deep(64)) }
            #expect {
                _ = try JSONText(deep(65))
            } throws: { error in
                (error as? JSONProblem)?.offset == 64 * open.utf8.count && "\(error)".contains("more than 64")
            }
            #expect(throws: JSONProblem.self) { _ = try JSONText(String(repeating: open, count: 1_000_000)) }
        }
    }

    @Test func `Every prefix is an error at its end or before, and no change of a byte is more than an error`() throws {
        let bytes = Array(Self.sample.utf8)
        for count in 0..<bytes.count {
            #expect {
                _ = try JSONText(Array(bytes[..<count]))
            } throws: { error in
                (error as? JSONProblem).map { $0.offset <= count } ?? false
            }
        }
        var generator = SplitMix(7)
        for _ in 0..<20_000 {
            var changed = bytes
            for _ in 0...Int.random(in: 0...2, using: &generator) {
                changed[Int.random(in: changed.indices, using: &generator)] = UInt8.random(
                    in: .min ... .max, using: &generator)
            }
            guard let text = try? JSONText(changed) else { continue }
            Self.walk(text.root)
        }
    }

    /// Asks every value for everything.
    private static func walk(_ value: JSONValue) {
        _ = (value.string, value.integer, value.number, value.boolean, value.raw, value.path, value.doubleKey)
        for element in value.elements { Self.walk(element) }
        for member in value.members { Self.walk(member.value) }
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `What Foundation writes is read back as it was meant`(_ seed: UInt64) throws {
        var generator = SplitMix(seed)
        for _ in 0..<300 {
            let made = Made.random(depth: 5, using: &generator)
            let bytes = Array(try JSONEncoder().encode(made))
            #expect(Made(try JSONText(bytes).root) == made)
        }
    }

    @Test func `A path leads to a value from the top`() throws {
        let text = #"{"messages":[{},{},{"content":[{"image_url":{"url":"x","a b":[[1]]}}]}],"model":"m"}"#
        let root = try JSONText(text).root
        let part = try #require(
            root["messages"]?.elements.map { $0 }[2]["content"]?.elements.map { $0 }[0]["image_url"])
        #expect(part.path == "messages[2].content[0].image_url")
        #expect(part["url"]?.path == "messages[2].content[0].image_url.url")
        #expect(
            part["a b"]?.elements.map { $0 }[0].elements.map { $0 }[0].path
                == "messages[2].content[0].image_url.a b[0][0]")
        #expect(root["model"]?.path == "model" && root.path == "")
        #expect(root.members.map { $0.key }[1].path == "model")
    }

    @Test func `A key that stands twice is found, however it is written`() throws {
        func double(_ text: String) throws -> (offset: Int, path: String)? {
            try JSONText(text).root.doubleKey.map { ($0.offset, $0.path) }
        }
        #expect(try double(#"{"a":1,"b":2,"ab":3}"#) == nil)
        #expect(try double(#"{"a":1,"b":2,"a":3}"#)?.offset == 13)
        #expect(try double(#"{"a":1,"\u0061":2}"#)?.offset == 7)
        #expect(try double(#"{"\u0061":1,"a":2}"#)?.offset == 12)
        let many = (0..<500).map { #""k\#($0)":1"# }.joined(separator: ",")
        #expect(try double("{\(many)}") == nil)
        #expect(try double("{\(many),\"k3\":1}") != nil)
    }
}

/// A value that is compared.
private enum Made: Codable, Hashable {
    case null
    case boolean(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([Made])
    case object([String: Made])

    static func random(depth: Int, using generator: inout SplitMix) -> Made {
        switch Int.random(in: 0...(depth > 0 ? 6 : 4), using: &generator) {
        case 0: .null
        case 1: .boolean(.random(using: &generator))
        case 2: .integer(.random(in: .min ... .max, using: &generator))
        case 3: .number(.random(in: -1e6...1e6, using: &generator) + 0.5)
        case 4: .string(self.text(using: &generator))
        case 5:
            .array(
                (0..<Int.random(in: 0...4, using: &generator)).map { _ in .random(depth: depth - 1, using: &generator) }
            )
        default:
            .object(
                Dictionary(
                    (0..<Int.random(in: 0...4, using: &generator)).map { _ in
                        (self.text(using: &generator), .random(depth: depth - 1, using: &generator))
                    }
                ) { first, _ in first })
        }
    }

    private static func text(using generator: inout SplitMix) -> String {
        let letters: [Character] = ["a", "\"", "\\", "/", "\n", "\u{1}", "ü", "€", "😀", " ", "\u{7F}", "\r", "\t", "x"]
        return String(
            (0..<Int.random(in: 0...20, using: &generator)).map { _ in letters.randomElement(using: &generator) ?? "a" }
        )
    }

    init(_ value: JSONValue) {
        switch value.kind {
        case .null: self = .null
        case .true, .false: self = .boolean(value.boolean ?? false)
        case .number: self = value.integer.map { .integer($0) } ?? .number(value.number ?? .nan)
        case .string: self = .string(value.string ?? "")
        case .array: self = .array(value.elements.map { Made($0) })
        case .object:
            self = .object(
                Dictionary(value.members.map { ($0.key.string ?? "", Made($0.value)) }) { first, _ in first })
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .boolean(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }

    init(from decoder: any Decoder) throws { self = .null }
}
