import Inference
import Testing
import Yams

@testable import Roundhouse

@Suite("Changing single keys of a file")
struct YAMLEditorTests {
    private static func edit(
        _ text: String, _ settings: [String: String]
    ) throws -> (text: String, hasLostComments: Bool) {
        try SettingEdits.apply(settings, to: text, file: "f")
    }

    private static let file = """
        # The house.
        log:
          level: info   # quiet
          format: text

        # Those we pay.
        providers:
          - id: openai
            kind: openai   # the product
            api_key: ${KEY}
            models:
              - { name: gpt-4.1-mini, priority: 3 }  # cheap
          - { id: own, kind: custom, base_url: 'http://127.0.0.1:9/v1' }
        aliases: { fast: openai/gpt-4.1-mini, 'best': [own/a, own/b] }
        """

    private static let template = ConfigurationReference.template()

    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var settings: [String: String]
        /// Lines that go, and lines that come in their place.
        var without: [String]
        var with: [String]
        var testDescription: String { self.name }
    }

    private static let cases: [Case] = [
        Case(
            name: "a value keeps the comment behind it", settings: ["log.level": "debug"],
            without: ["  level: info   # quiet"], with: ["  level: debug   # quiet"]),
        Case(
            name: "a key comes behind its section", settings: ["log.requests": "all"],
            without: [], with: ["  requests: all"]),
        Case(
            name: "a section comes at the end", settings: ["routing.retry.budget": "0.5"],
            without: [], with: ["routing:", "  retry:", "    budget: 0.5"]),
        Case(
            name: "an element is found by its name", settings: ["providers.openai.priority": "7"],
            without: [], with: ["    priority: 7"]),
        Case(
            name: "an element is found by its number", settings: ["providers[0].kind": "custom"],
            without: ["    kind: openai   # the product"], with: ["    kind: custom   # the product"]),
        Case(
            name: "between brackets", settings: ["providers.own.base_url": "http://127.0.0.1:8/v1"],
            without: ["  - { id: own, kind: custom, base_url: 'http://127.0.0.1:9/v1' }"],
            with: ["  - { id: own, kind: custom, base_url: http://127.0.0.1:8/v1 }"]),
        Case(
            name: "one more between brackets", settings: ["providers.own.timeouts.connect": "1s"],
            without: ["  - { id: own, kind: custom, base_url: 'http://127.0.0.1:9/v1' }"],
            with: ["  - { id: own, kind: custom, base_url: 'http://127.0.0.1:9/v1', timeouts: { connect: 1s } }"]),
        Case(
            name: "a model whose name has dots", settings: ["providers.openai.models.gpt-4.1-mini.priority": "4"],
            without: ["      - { name: gpt-4.1-mini, priority: 3 }  # cheap"],
            with: ["      - { name: gpt-4.1-mini, priority: 4 }  # cheap"]),
        Case(
            name: "a new provider, key by key",
            settings: ["providers.new.kind": "custom", "providers.new.base_url": "https://x.example/v1"],
            without: [], with: ["  - id: new", "    base_url: https://x.example/v1", "    kind: custom"]),
        Case(
            name: "a new provider at once",
            settings: ["providers.new": "{ kind: custom, base_url: 'https://x.example/v1' }"],
            without: [], with: ["  - { id: new, kind: custom, base_url: https://x.example/v1 }"]),
        Case(
            name: "an alias", settings: ["aliases.slow": "own/a"],
            without: ["aliases: { fast: openai/gpt-4.1-mini, 'best': [own/a, own/b] }"],
            with: ["aliases: { fast: openai/gpt-4.1-mini, 'best': [own/a, own/b], slow: own/a }"]),
        Case(
            name: "a key is taken out with its line", settings: ["log.level": ""],
            without: ["  level: info   # quiet"], with: []),
        Case(
            name: "a provider is taken out", settings: ["providers.own": ""],
            without: ["  - { id: own, kind: custom, base_url: 'http://127.0.0.1:9/v1' }"], with: []),
        Case(
            name: "the last of a section takes the section", settings: ["log.level": "", "log.format": ""],
            without: ["log:", "  level: info   # quiet", "  format: text"], with: []),
        Case(
            name: "from between brackets", settings: ["aliases.fast": ""],
            without: ["aliases: { fast: openai/gpt-4.1-mini, 'best': [own/a, own/b] }"],
            with: ["aliases: { 'best': [own/a, own/b] }"]),
        Case(
            name: "a block becomes one line", settings: ["providers.openai.models": "[{ name: x }]"],
            without: ["    models:", "      - { name: gpt-4.1-mini, priority: 3 }  # cheap"],
            with: ["    models: [{ name: x }]  # cheap"]),
    ]

    @Test(arguments: Self.cases)
    func `Only the lines of the key change`(_ change: Case) throws {
        let (text, hasLostComments) = try Self.edit(Self.file, change.settings)
        #expect(!hasLostComments, "\(text)")
        let (before, after) = (
            Self.file.split(separator: "\n").map(String.init), text.split(separator: "\n").map(String.init)
        )
        #expect(before.filter { !after.contains($0) } == change.without, "\(text)")
        #expect(after.filter { !before.contains($0) } == change.with, "\(text)")
    }

    @Test(arguments: [
        "", "# nothing yet\n", "# no end of line", "log:\n", "log:   # later\n", "log: {}\n", "{}\n",
        "---\nlog:\n  format: json\n",
    ])
    func `A key finds its place in a file with little in it`(text: String) throws {
        let edited = try Self.edit(text, ["log.level": "debug"]).text
        let root = try #require(try YAMLDocument.parse(edited, file: "f").root)
        #expect(root[path: [.key("log"), .key("level")]]?.scalar?.string == "debug", "\(edited)")
        for comment in text.split(separator: "#").dropFirst() { #expect(edited.contains(comment)) }
    }

    @Test func `A form that cannot be changed in place costs comments and no value`() throws {
        let text = """
            # shared
            providers:
              - { id: a, kind: &k custom, base_url: 'https://a.example/v1' }
              - { id: b, kind: *k, base_url: 'https://b.example/v1' }
            """
        let (edited, hasLostComments) = try Self.edit(text, ["providers.b.kind": "vllm"])
        #expect(hasLostComments)
        let root = try #require(try YAMLDocument.parse(edited, file: "f").root)
        #expect(root[path: [.key("providers"), .index(0), .key("kind")]]?.scalar?.string == "custom", "\(edited)")
        #expect(root[path: [.key("providers"), .index(1), .key("kind")]]?.scalar?.string == "vllm", "\(edited)")
    }

    @Test(arguments: [
        ("log.levl", "debug", "unknown; did you mean 'log.level'?"), ("log.level", "a\nb", "found several lines"),
        ("log.level", "~", "found no value"), ("log.level", "[", "found no value"),
        ("providers.new", "custom", "expected a mapping"),
        ("providers.openai.api_keys", "[<redacted>, b]", "expected a value"),
    ])
    func `What cannot be set is told by its key`(key: String, value: String, told: String) throws {
        let error = #expect(throws: ConfigurationError.self) { try Self.edit(Self.file, [key: value]) }
        #expect(error?.problems.map(\.key) == [key])
        #expect(error?.problems.first?.detail.contains(told) == true, "\(String(describing: error))")
    }

    @Test(arguments: 0..<40)
    func `Whatever is set is what is there then, and nothing else changed`(seed: UInt64) throws {
        var random = SplitMix(seed)
        let template = seed.isMultiple(of: 2) ? Self.file : Self.template
        var editor = try YAMLEditor(template, file: "f")
        for _ in 0..<8 {
            let setting = try #require(ConfigurationRows.descriptions.filter(\.isScalar).randomElement(using: &random))
            let path = ConfigurationKey.steps(setting.key)
            let before = editor.root
            if random.next().isMultiple(of: 4) {
                try editor.remove(path)
                #expect(editor.root?[path: path] == nil)
            } else {
                let text =
                    ["a: b", "#x", "it's", "\"q\"", "[", "x, y", "ü {}", "true", " "].randomElement(using: &random)
                    ?? ""
                try editor.set(path, to: .text(text))
                #expect(editor.root?[path: path]?.scalar?.string == text)
                let expected = (before ?? Node("")).replacing(path[...], with: YAMLValue.text(text).node)
                #expect(try #require(expected).means(try #require(editor.root)))
            }
        }
        #expect(!editor.hasLostComments, "\(editor.text)")
    }
}
