import FoundationEssentials
import Inference
import Testing
import Yams

@testable import Roundhouse

@Suite("Template, show and docs")
struct ConfigurationReferenceTests {
    /// The template with every key turned on.
    static let turnedOn = ConfigurationReference.template()
        .split(separator: "\n", omittingEmptySubsequences: false)
        .map { line in
            let indentation = line.prefix { $0 == " " }
            let rest = line.dropFirst(indentation.count)
            return rest.hasPrefix("#") && !rest.hasPrefix("# ") ? "\(indentation)\(rest.dropFirst())" : String(line)
        }
        .joined(separator: "\n")

    @Test("The template as it is means the defaults")
    func template() throws {
        let fixture = try ConfigurationFixture()
        let loaded = try fixture.load(ConfigurationReference.template())
        let fresh = try fixture.load("")
        #expect(loaded.configuration == fresh.configuration)
    }

    @Test("The template with every key turned on is sound, and its single values are the defaults")
    func templateTurnedOn() throws {
        var fixture = try ConfigurationFixture()
        fixture.environment["OPENAI_API_KEY"] = "sk-1"
        var yaml = Self.turnedOn
        for path in [
            "/etc/roundhouse/tls.crt", "/etc/roundhouse/tls.key", "/etc/roundhouse/clients.crt",
            "/models/my-model.gguf",
        ] {
            let name = path.split(separator: "/").last.map(String.init) ?? ""
            yaml = yaml.replacing(path, with: try fixture.write("x", to: name))
        }
        var configuration = try fixture.load(yaml).configuration
        #expect(configuration.providers.map(\.id.rawValue) == ["openai"])
        #expect(configuration.providers[0].apiKey?.expose() == "sk-1")
        #expect(configuration.local.models.map(\.name) == ["my-model"])
        configuration.grpc.tls = nil
        configuration.storage.path = nil
        configuration.local.models = []
        configuration.local.modelFolders = []
        #expect(configuration.lifecycle.memoryQuota.cpu == 8 << 30)
        configuration.lifecycle.memoryQuota = RoundhouseConfiguration.Lifecycle.MemoryQuota()
        #expect(configuration.lifecycle == RoundhouseConfiguration.Lifecycle())
        #expect(configuration.grpc == RoundhouseConfiguration.GRPC())
        #expect(configuration.log == RoundhouseConfiguration.Log())
        #expect(configuration.storage == RoundhouseConfiguration.Storage())
        #expect(configuration.local == RoundhouseConfiguration.Local())
    }

    @Test("The template names every key")
    func complete() {
        let lines = ConfigurationReference.template().split(separator: "\n").map { $0.drop { " #-".contains($0) } }
        let tables =
            SettingTables.root.map(\.key) + SettingTables.provider.map(\.key) + SettingTables.model.map(\.key)
            + SettingTables.localModel.map(\.key)
        for key in tables {
            let name = key.split(separator: ".").last.map(String.init) ?? key
            #expect(lines.contains { $0.hasPrefix("\(name):") }, "\(key)")
        }
    }

    @Test("What show prints is YAML that means the same again, secrets aside")
    func show() throws {
        var fixture = try ConfigurationFixture()
        fixture.environment["KEY"] = "sk-1"
        try fixture.write("x", to: "x.gguf")
        let first = try fixture.load(ConfigurationLoaderTests.whole)
        var second = try fixture.load(first.render()).configuration
        #expect(first.render().contains("api_key: \"[redacted]\""))
        #expect(second.providers[0].apiKey?.expose() == "[redacted]")
        second.providers[0].apiKey = first.configuration.providers[0].apiKey
        second.providers[0].headers = first.configuration.providers[0].headers
        #expect(second == first.configuration)
    }

    @Test("The tables in docs/Configuration.md are those of this version")
    func docs() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let data = try Data(contentsOf: root.appending(path: "docs/Configuration.md"))
        let text = String(decoding: data, as: UTF8.self)
        let expected = ConfigurationReference.markdown()
        #expect(text.contains(expected), "docs/Configuration.md should hold:\n\(expected)")
    }

    @Test(
        "A text survives being written as YAML",
        arguments: [
            "a", "", "yes", "null", "- a", "a: b", "a #b", "\"q\"", "\\", "l1\nl2", "[x]", "1", "~", "é", "\u{7}",
        ]
    )
    func quoting(_ text: String) throws {
        let yaml = "local: { bundled_models: true }\nx: \(YAMLValue.quote(text))\n"
        let document = try YAMLDocument.parse(yaml, file: "x")
        let node = try #require(document.root?.mapping?["x"])
        #expect(node.scalar?.string == text)
        #expect(!node.isNothing)
    }

    @Test(
        "Durations and sizes are written in their largest whole unit and read back",
        arguments: [
            (Duration.milliseconds(1), "1ms"), (.milliseconds(1500), "1500ms"), (.seconds(90), "90s"),
            (.seconds(120), "2m"),
            (.seconds(7200), "2h"), (.seconds(86_400 * 30), "30d"), (.zero, "0s"),
        ])
    func durations(_ duration: Duration, _ text: String) {
        #expect(DurationText.render(duration) == text)
        #expect(DurationText.parse(text) == duration)
    }

    @Test(
        "Sizes are written in their largest whole unit and read back",
        arguments: [(1, "1"), (1024, "1KiB"), (1536, "1536"), (32 << 20, "32MiB"), (3 << 30, "3GiB")])
    func sizes(_ bytes: Int, _ text: String) {
        #expect(ByteSize.render(bytes) == text)
        #expect(ByteSize.parse(text) == bytes)
    }
}
