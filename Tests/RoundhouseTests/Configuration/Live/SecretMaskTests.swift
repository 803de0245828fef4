import Testing

@testable import Roundhouse

@Suite("Hiding secrets of a file")
struct SecretMaskTests {
    private static func masked(_ text: String) throws -> String { try SecretMask(text, file: "f").masked() }

    private static let file = """
        # api_key: sk-old-0001
        # The token of the intranet: tok-0002
        providers:
          - id: openai
            kind: openai
            api_key: "sk-\\x61-0003"  # was sk-a-0003
          - { id: own, kind: custom, base_url: 'https://a.example/v1', api_keys: [k-0004, 'k-0005'], headers: { X-Team: red 0006, Authorization: "Bearer b-0007" } }
          - id: cmd
            kind: custom
            base_url: https://user:pw-0008@host.example/v1
            api_key_command: curl -H 'X-Key=0009'
            api_key_file: /run/secrets/own
          - id: env
            kind: custom
            base_url: https://b.example/v1
            api_key: ${THE_KEY}
            headers:
              X-A: |
                lit-0010
              X-B: plain words
                over lines 0011
            api_kye: sk-0012
        extra: [{ deep: s-0013 }]
        """
    private static let secrets = (3...13).map { $0 < 10 ? "000\($0)" : "00\($0)" } + ["0001", "0002"]

    @Test func `Nothing secret is shown, and everything else is as it was`() throws {
        let shown = try Self.masked(Self.file)
        for secret in Self.secrets { #expect(!shown.contains(secret), "\(secret) in \(shown)") }
        for harmless in [
            "# api_key: <redacted>", "id: openai", "kind: openai", "api_key_file: /run/secrets/own",
            "api_key: ${THE_KEY}", "api_keys: [<redacted>, <redacted>]",
            "{ X-Team: <redacted>, Authorization: <redacted> }",
            "base_url: 'https://a.example/v1'", "X-B: <redacted>", "api_key_command: <redacted>",
        ] {
            #expect(shown.contains(harmless), "\(harmless) in \(shown)")
        }
    }

    @Test func `What comes back as it was shown is the file again, byte by byte`() throws {
        let mask = try SecretMask(Self.file, file: "f")
        let back = try mask.restored(try mask.masked())
        // The forms of several lines become one line.
        let lines = Self.file.split(separator: "\n").map(String.init)
        let restored = back.text.split(separator: "\n").map(String.init)
        let missing = lines.filter { !restored.contains($0) }
        #expect(missing == ["      X-A: |", "        lit-0010", "      X-B: plain words", "        over lines 0011"])
        #expect(!back.hasLostComments)
        let (old, new) = (
            try YAMLDocument.parse(Self.file, file: "f").root, try YAMLDocument.parse(back.text, file: "f").root
        )
        #expect(try #require(old).means(try #require(new)), "\(back.text)")
    }

    @Test func `A secret stays with its provider when the order changes, and nowhere else`() throws {
        let mask = try SecretMask(
            """
            providers:
              - { id: a, kind: custom, api_key: 'one' }
              - { id: b, kind: custom, api_key: two }
            """, file: "f")
        let text = """
            providers:
              - { id: b, kind: custom, api_key: <redacted> }
              - id: a
                api_key: <redacted>
            """
        #expect(
            try mask.restored(text).text == """
                providers:
                  - { id: b, kind: custom, api_key: two }
                  - id: a
                    api_key: 'one'
                """)
        let error = #expect(throws: ConfigurationError.self) {
            try mask.restored(
                "providers:\n  - { id: c, api_key: <redacted> }\n  - { id: a, headers: { x: <redacted> } }\n")
        }
        #expect(error?.problems.map(\.key) == ["providers.c.api_key", "providers.a.headers.x"])
        #expect(error?.problems.first?.location == .file(path: "f", line: 2, column: 23))
    }

    @Test func `Of a list of keys all come back, or none`() throws {
        let mask = try SecretMask("providers: [{ id: a, api_keys: [k1, k2] }]", file: "f")
        let whole = try mask.restored("providers: [{ id: a, api_keys: [<redacted>, <redacted>, k3] }]").text
        #expect(whole == "providers: [{ id: a, api_keys: [k1, k2, k3] }]")
        let error = #expect(throws: ConfigurationError.self) {
            try mask.restored("providers: [{ id: a, api_keys: [<redacted>] }]")
        }
        #expect(error?.problems.first?.detail.contains("1 times where the file has 2") == true)
    }

    @Test func `A text that stands where it cannot stand plainly is quoted`() throws {
        let mask = try SecretMask("providers:\n  - id: a\n    headers:\n      x: a, b} c\n", file: "f")
        let text = try mask.restored("providers: [{ id: a, headers: { x: <redacted> } }] # kept\n").text
        #expect(text == "providers: [{ id: a, headers: { x: \"a, b} c\" } }] # kept\n")
    }

    @Test func `A secret that several places share is hidden in all of them`() throws {
        let shown = try Self.masked("providers:\n  - { id: a, api_key: &k sk-1234 }\n  - { id: b, api_key: *k }\n")
        #expect(!shown.contains("sk-1234"))
        #expect(shown.contains("id: b"))
    }

    @Test(arguments: [
        "sk-1234", "[sk-1234]", "'sk-1234'", "api_key: sk-1234", "? sk-1234\n: sk-1234", "log: sk-1234",
        "log: [sk-1234]",
    ])
    func `A text that is no configuration shows no values`(text: String) throws {
        let shown = try Self.masked(text)
        #expect(shown.split(separator: ":").last?.contains("sk-1234") == false, "\(shown)")
    }

    @Test(arguments: 0..<100)
    func `No secret of any file is shown, however it is written`(seed: UInt64) throws {
        var random = SplitMix(seed)
        let secrets = (0..<5).map { "s3cr3t\($0)x\(random.next() % 1000)" }
        func written(_ secret: String) -> String {
            let forms = [
                secret, "'\(secret)'", "\"\(secret)\"", "\(secret) # \(secret)", "a \(secret) b", "'it''s # \(secret)'",
                "\"x\\\"\(secret)\"", "!!str \(secret)", "&a\(seed) \(secret)",
            ]
            return forms.randomElement(using: &random) ?? secret
        }
        let text = """
            # headers: { X: \(secrets[4]) }
            providers:
              - id: a
                api_key: \(written(secrets[0]))
                headers:
                  X-One: \(written(secrets[1]))
                  X-Two: >-
                    \(secrets[2])
                    more
                display: \(written(secrets[3]))
            log: { level: info }   # a level
            """
        let mask = try SecretMask(text, file: "f")
        let shown = try mask.masked()
        for secret in secrets { #expect(!shown.contains(secret), "\(secret) in \(shown)") }
        let back = try mask.restored(shown).text
        let (old, new) = (try YAMLDocument.parse(text, file: "f").root, try YAMLDocument.parse(back, file: "f").root)
        #expect(try #require(old).means(try #require(new)), "\(text)\n\(back)")
    }
}
