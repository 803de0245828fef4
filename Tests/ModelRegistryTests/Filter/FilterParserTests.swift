import ModelRegistry
import Testing

@Suite("Filters: reading them")
struct FilterParserTests {
    @Test(
        "OR binds tighter than AND, which is what stands between neighbours too",
        arguments: [
            ("id = a", "id = a"),
            ("id=a provider=b", "id = a AND provider = b"),
            ("id=a AND provider=b OR free=true", "id = a AND (provider = b OR free = true)"),
            ("id=a OR provider=b AND free=true", "(id = a OR provider = b) AND free = true"),
            ("id=a provider=b OR free=true name=c", "id = a AND (provider = b OR free = true) AND name = c"),
            ("(id=a provider=b) OR free=true", "(id = a AND provider = b) OR free = true"),
            ("NOT id=a", "NOT id = a"),
            ("-id=a OR -(id=b)", "NOT id = a OR NOT id = b"),
            ("NOT(id=a OR id=b)", "NOT (id = a OR id = b)"),
            ("((id=a))", "id = a"),
            ("  id = \"a\"  ", "id = a"),
            ("tags : eu-*", "tags:eu-*"),
            ("id = *", "id = *"),
            ("id != '*turbo'", "id != *turbo"),
            (#"name = "a \"b\" \\ \*c""#, #"name = "a \"b\" \\ \*c""#),
            ("create_time >= 2026-01-01T00:00:00Z", #"create_time >= "2026-01-01T00:00:00Z""#),
            ("priority > -1", "priority > -1"),
            ("name = \"AND\"", "name = \"AND\""),
            ("name = \"\"", "name = \"\""),
            ("id = openai/gpt-4o", "id = openai/gpt-4o"),
            ("tags:größe", "tags:\"größe\""),
        ]
    )
    func precedence(text: String, canonical: String) throws {
        let expression = try #require(try FilterParser.parse(text))
        #expect(expression.description == canonical)
        #expect(try FilterParser.parse(canonical) == expression)
    }

    @Test("Nothing admits everything", arguments: ["", " ", "\n\t "])
    func nothing(text: String) throws {
        #expect(try FilterParser.parse(text) == nil)
    }

    @Test(
        "What is wrong is told with its place, what stands there, and what should",
        arguments: [
            ("id", 3, "the end", "one of ="),
            ("id =", 5, "the end", "a value"),
            ("id = a AND", 11, "the end", "a comparison"),
            ("id = a AND AND id = b", 12, "'AND'", "a comparison"),
            ("OR id = a", 1, "'OR'", "a comparison"),
            ("id = a OR", 10, "the end", "a comparison"),
            ("NOT", 4, "the end", "a comparison"),
            ("id = a and id = b", 12, "'id'", "AND in capitals"),
            ("id == a", 4, "'=='", "'='"),
            ("id ! a", 4, "'!'", "'!=' or NOT"),
            ("id = OR", 6, "the word OR", "a value"),
            ("id = \"abc", 6, "a quote that is never closed", "the same quote"),
            ("id = 'it\"", 6, "a quote that is never closed", "the same quote"),
            (#"id = "a\q""#, 8, #"'\q'"#, "one of"),
            (#"id = "a\"#, 8, #"'\' at the end"#, "one of"),
            ("(id = a", 8, "the end", "a ')' for the '(' at character 1"),
            ("id = a)", 7, "')'", "no ')'"),
            ("()", 2, "')'", "a comparison"),
            ("id = a*b", 7, "'*' inside a value", "at the beginning or the end"),
            ("id = \u{1}, 2", 7, "','", "a comparison"),
            ("= 3", 1, "'='", "a comparison"),
            ("größe = 3", 3, "'ö'", "one of ="),
        ]
    )
    func errors(text: String, position: Int, found: String, expected: String) throws {
        let error = try #require(throws: QueryError.self) { try FilterParser.parse(text) }
        #expect(error.field == "filter")
        #expect(error.position == position)
        #expect(error.found == found)
        #expect(error.expected.contains(expected), "\(error.expected)")
    }

    @Test("A text may have 4096 bytes and 32 levels, and no more")
    func limits() throws {
        let comparison = "name = "
        let longest = comparison + String(repeating: "x", count: FilterParser.longestText - comparison.utf8.count)
        #expect(try FilterParser.parse(longest) != nil)
        let tooLong = try #require(throws: QueryError.self) { try FilterParser.parse(longest + "x") }
        #expect(tooLong.found == "4097 bytes")

        func nested(_ levels: Int) -> String {
            String(repeating: "(", count: levels) + "id = a" + String(repeating: ")", count: levels)
        }
        #expect(try FilterParser.parse(nested(32)) != nil)
        let tooDeep = try #require(throws: QueryError.self) { try FilterParser.parse(nested(33)) }
        #expect(tooDeep.position == 33)
        #expect(tooDeep.expected == "at most 32 of them within each other")
        #expect(throws: QueryError.self) { try FilterParser.parse(String(repeating: "NOT ", count: 1000) + "id = a") }
        // Side by side they are not within each other.
        #expect(try FilterParser.parse(String(repeating: "(id=a)", count: 300)) != nil)
    }

    @Test("Random bytes are refused or read, and never more than that", arguments: 0..<20 as Range<UInt64>)
    func randomBytes(seed: UInt64) {
        var random = SeededGenerator(seed)
        let alphabet = Array("abid=!<>:()\"'\\* ANDORNOT-.,\n\u{0}é".utf8)
        for _ in 0..<2000 {
            let length = Int.random(in: 0...60, using: &random)
            let bytes = (0..<length).map { _ in
                random.happens(90) ? random.one(of: alphabet) : UInt8.random(in: 0...255, using: &random)
            }
            let text = String(decoding: bytes, as: UTF8.self)
            if let expression = try? FilterParser.parse(text) {
                let again = try? FilterParser.parse(expression.description)
                #expect(again == expression, "\(text)")
            }
            do {
                _ = try RegistryFilter(text)
                _ = try RegistryOrder(text)
            } catch {
                let length = text.unicodeScalars.count
                #expect((1...length + 1).contains(error.position ?? 0), "\(text): \(error)")
            }
        }
    }

    @Test("Every expression reads as it was written", arguments: 0..<20 as Range<UInt64>)
    func roundTrip(seed: UInt64) throws {
        var random = SeededGenerator(seed)
        for _ in 0..<200 {
            let expression = Self.expression(&random, depth: 4)
            let read = try FilterParser.parse(expression.description)
            #expect(read == expression, "\(expression)")
        }
    }

    private static func expression(_ random: inout SeededGenerator, depth: Int) -> FilterExpression {
        let kind = depth == 0 ? 0 : Int.random(in: 0..<5, using: &random)
        let count = Int.random(in: 2...4, using: &random)
        switch kind {
        case 1: return .and((0..<count).map { _ in self.expression(&random, depth: depth - 1) })
        case 2: return .or((0..<count).map { _ in self.expression(&random, depth: depth - 1) })
        case 3: return .not(self.expression(&random, depth: depth - 1))
        default: return .comparison(self.comparison(&random))
        }
    }

    private static func comparison(_ random: inout SeededGenerator) -> FilterComparison {
        let scalars = Array("abzAZ09 _-./\\\"'*:()=<>!,\n\täß🚂\u{301}".unicodeScalars)
        var text = ""
        for _ in 0..<Int.random(in: 0...8, using: &random) { text.unicodeScalars.append(random.one(of: scalars)) }
        if random.happens(10) { text = random.one(of: ["AND", "OR", "NOT", "true", "0.6"]) }
        var value = FilterValue(text, isOpenAtStart: random.happens(20), isOpenAtEnd: random.happens(20))
        // One star alone is open on both sides.
        if text.isEmpty && value.isOpen { value = FilterValue("", isOpenAtStart: true, isOpenAtEnd: true) }
        return FilterComparison(
            field: random.one(of: ["id", "price_output", "tags", "x.y_1"]),
            comparator: random.one(of: FilterComparator.allCases),
            value: value
        )
    }
}
