import Inference
import Testing

@testable import Roundhouse

@Suite("Secrets")
struct SecretTests {
    static let secret = "sk-SECRET-0123456789"

    /// Ways to write a configuration that holds the secret: some sound, some broken in or around the secret.
    static let texts: [String] = {
        let key = Self.secret
        let values = [
            key, "\"\(key) with spaces\"", "\"\(key)\\n\(key)\"", "[\(key)]", "{ \(key): 1 }", "{ a: \(key) }",
            "\"\(key)${MISSING}\"", "\"${\(key)}\"", "\"${\(key)\"", "\"${MISSING:+\(key)}\"", "\"\(key)é\"",
            "\"${KEY}${MISSING}\"", "\"${KEY} \"", "\"${KEY}", "\"\\q\(key)\"", "&\(key)", "*\(key)", "!\(key) \"\"",
            "'\(key)", "\(key): \(key)", "|\n      \(key)\n      \(key)", "@\(key)", "%\(key)", "`\(key)`",
        ]
        let keys = ["api_key", "api_key_file", "api_kye", "headers"]
        return values.flatMap { value in
            keys.map { name in
                let written = name == "headers" ? "headers: { X-Key: \(value) }" : "\(name): \(value)"
                return "providers:\n  - id: a\n    kind: ollama\n    models: [{ name: m }]\n    \(written)\n"
            }
        } + [
            "providers: [{ id: a, kind: custom, base_url: \"https://me:\(key)@x.example/v1\", models: [{ name: m }] }]",
            "providers: [{ id: a, kind: custom, base_url: \"me:\(key)@x.example\", models: [{ name: m }] }]",
            "providers: [{ id: a, kind: custom, base_url: \"https://x.example/v1?key=\(key)\", models: [{ name: m }] }]",
            "providers: [{ id: a, kind: custom, base_url: \"http://x.example/v1#\(key)\", models: [{ name: m }] }]",
            "providers: [{ id: a, kind: custom, api_key: \(key), api_key: \(key) }]",
            "providers:\n  - id: a\n    api_key: \(key)\n    api_key: \(key)\n",
            "providers:\n  - \(key)\n", "providers: \(key)\n", "\(key)", "[\(key)", "\t\(key)",
        ]
    }()

    @Test("No error, rendering, dump or description ever holds a secret", arguments: Self.texts)
    func neverShown(_ yaml: String) throws {
        var fixture = try ConfigurationFixture()
        fixture.environment["KEY"] = Self.secret
        do {
            let loaded = try fixture.load(yaml)
            var dumped = ""
            dump(loaded.configuration, to: &dumped)
            for text in [
                loaded.render(), "\(loaded)", String(reflecting: loaded), dumped, "\(loaded.configuration.providers)",
                "\(loaded.warnings)",
            ] {
                #expect(!text.contains(Self.secret))
            }
        } catch let error as ConfigurationError {
            #expect(!error.description.contains(Self.secret), "\(yaml)\n\(error)")
        }
    }

    @Test("A secret read from a file is not shown either, nor is what is wrong with it")
    func keyFile() throws {
        let fixture = try ConfigurationFixture()
        try fixture.write("\n  \(Self.secret)\n\n", to: "good")
        try fixture.write("\(Self.secret)\nX-Evil: 1\n", to: "bad")
        func yaml(_ file: String) -> String {
            "providers: [{ id: a, kind: openai, api_key_file: \(file), models: [{ name: m }] }]"
        }
        let loaded = try fixture.load(yaml("good"))
        #expect(loaded.configuration.providers[0].apiKey?.expose() == Self.secret)
        #expect(!loaded.render().contains(Self.secret))
        // What is shown can be loaded again, with the key from the file.
        #expect(try fixture.load(loaded.render()).configuration == loaded.configuration)
        #expect(
            fixture.problems(yaml("bad")) == [
                "roundhouse.yaml:1:50: key 'providers[0].api_key_file': found '\(fixture.directory)/bad' with a value "
                    + "with other characters, expected a key of printable ASCII characters without spaces"
            ]
        )
    }

    @Test("SecretString shows itself in no way but expose()")
    func secretString() {
        struct Holder { var secret = SecretString("hunter2") }
        let secret = SecretString("hunter2")
        var dumped = ""
        dump(Holder(), to: &dumped)
        let texts = [
            "\(secret)", secret.description, secret.debugDescription, String(describing: Optional(secret)),
            String(reflecting: [secret]), "\(Holder())", "\(["a": secret])", dumped,
        ]
        for text in texts {
            #expect(text.contains("[redacted]"))
            #expect(!text.contains("hunter2"))
        }
        #expect(Mirror(reflecting: secret).children.isEmpty)
        #expect(secret.expose() == "hunter2")
    }

    @Test(
        "Variables in secrets are replaced",
        arguments: [
            ("${A}", "one"), ("x${A}y${B}z", "xoneytwoz"), ("${C:-three}", "three"), ("${A:-three}", "one"),
            ("${EMPTY:-four}", "four"), ("$${A}", "${A}"), ("$A", "$A"), ("a$", "a$"), ("${C:-a:-b}", "a:-b"),
            ("$$${A}", "$${A}"),
        ]
    )
    func expansion(_ text: String, _ expected: String) throws {
        let environment = ["A": "one", "B": "two", "EMPTY": ""]
        let result = SecretExpansion.expand(text, environment: environment)
        #expect(try result.get().value == expected)
    }
}
