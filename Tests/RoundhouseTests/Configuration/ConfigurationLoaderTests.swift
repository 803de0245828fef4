import Inference
import Testing

@testable import Roundhouse

@Suite("Loading a configuration")
struct ConfigurationLoaderTests {
    @Test("Without a file the bundled models are served and 'default' asks the better one first")
    func fresh() throws {
        let fixture = try ConfigurationFixture()
        let loaded = try fixture.loader().load()
        #expect(loaded.file == nil)
        #expect(loaded.configuration.grpc == RoundhouseConfiguration.GRPC())
        #expect(loaded.configuration.storage.path == "\(fixture.directory)/roundhouse.db")
        #expect(loaded.configuration.aliases.map(\.name) == ["default"])
        #expect(loaded.configuration.aliases[0].targets.map(\.description) == ["local/small", "local/tiny"])
        #expect(loaded.configuration.modelsByPriority.map(\.description) == ["local/small", "local/tiny"])
    }

    @Test("A whole file is read as it is meant")
    func whole() throws {
        var fixture = try ConfigurationFixture()
        fixture.environment["KEY"] = "sk-1"
        try fixture.write("x", to: "x.gguf")
        let configuration = try fixture.load(Self.whole).configuration
        #expect(configuration.grpc.address == .tcp(host: "::1", port: 0))
        #expect(configuration.grpc.maxMessageBytes == 1 << 20)
        #expect(configuration.grpc.shutdownGrace == .milliseconds(1500))
        #expect(configuration.log.level == .debug)
        #expect(configuration.storage.retention == .seconds(7 * 86_400))
        let local = try #require(configuration.local.models.first)
        #expect(local.path == "\(fixture.directory)/x.gguf")
        #expect(local.threads == 2)
        let provider = try #require(configuration.providers.first)
        #expect(provider.id.rawValue == "cloud")
        #expect(provider.kind == .openAI)
        #expect(provider.baseURL == "https://proxy.example/v1")
        #expect(provider.apiKey?.expose() == "sk-1")
        #expect(provider.headers == [.init(name: "X-Title", value: SecretString("my app"))])
        #expect(provider.timeouts.connect == .milliseconds(250))
        #expect(provider.timeouts.total == .seconds(1800))
        #expect(provider.models.map(\.name) == ["gpt-4o", "org/other"])
        #expect(provider.models[0].capabilities == [.chat, .vision])
        #expect(configuration.aliases.map(\.name) == ["default", "fast"])
        #expect(configuration.aliases[1].targets.map(\.description) == ["cloud/org/other", "local/mine"])
        // 10, 50, 100, then the bundled ones.
        #expect(
            configuration.modelsByPriority.map(\.description)
                == ["cloud/gpt-4o", "local/mine", "cloud/org/other", "local/small", "local/tiny"]
        )
    }

    static let whole = """
        grpc:
          address: "[::1]:0"
          max_message_bytes: 1MiB
          shutdown_grace: 1500ms
        log: { level: debug }
        storage:
          retention: 7d
        local:
          models:
            - { name: mine, path: ./x.gguf, threads: 2 }
        providers:
          - id: cloud
            kind: openai
            base_url: https://proxy.example/v1/
            api_key: ${KEY}
            headers: { X-Title: my app }
            timeouts: { connect: 250ms }
            models:
              - name: gpt-4o
                priority: 10
                capabilities: [chat, vision]
              - name: org/other
        aliases:
          fast: [cloud/org/other, local/mine]
        """

    @Test("Flags win over variables, variables over the file, the file over defaults")
    func precedence() throws {
        var fixture = try ConfigurationFixture()
        try fixture.write("log: { level: error, format: json }\ngrpc: { max_connections: 7 }\n", to: "roundhouse.yaml")
        let fromFile = try fixture.loader().load()
        #expect(fromFile.file == "\(fixture.directory)/roundhouse.yaml")
        #expect(fromFile.configuration.log.level == .error)
        fixture.environment["ROUNDHOUSE_LOG_LEVEL"] = "debug"
        fixture.environment["ROUNDHOUSE_GRPC_MAX_CONNECTIONS"] = "8"
        let flag = ConfigurationLoader.Override(key: "log.level", value: "trace", flag: "--log-level")
        let loaded = try fixture.loader(overrides: [flag]).load()
        #expect(loaded.configuration.log.level == .trace)
        #expect(loaded.configuration.log.format == .json)
        #expect(loaded.configuration.grpc.maxConnections == 8)
        let shown = loaded.render()
        #expect(shown.contains("\n  level: trace  # from --log-level\n"))
        #expect(shown.contains("\n  max_connections: 8  # from ROUNDHOUSE_GRPC_MAX_CONNECTIONS\n"))
        #expect(shown.contains("\n  format: json\n"))
    }

    @Test("A bad flag is told by the name of the flag")
    func badFlag() throws {
        let fixture = try ConfigurationFixture()
        let flag = ConfigurationLoader.Override(key: "grpc.address", value: "0.0.0.0:1", flag: "--grpc")
        #expect(
            fixture.problems("", overrides: [flag]) == [
                "--grpc: found '0.0.0.0:1', which other machines can reach, expected a loopback address, or grpc.tls, "
                    + "or grpc.insecure: true to serve without encryption"
            ]
        )
        let insecure = ConfigurationLoader.Override(key: "grpc.insecure", value: "true", flag: "--insecure")
        #expect(fixture.problems("", overrides: [flag, insecure]).isEmpty)
    }

    @Test("Every single value can be set by a variable")
    func variables() throws {
        var fixture = try ConfigurationFixture()
        for name in ["tls.crt", "tls.key", "ca.crt"] { try fixture.write("x", to: name) }
        fixture.environment.merge(
            [
                "ROUNDHOUSE_GRPC_ADDRESS": "unix:run.sock", "ROUNDHOUSE_GRPC_INSECURE": "false",
                "ROUNDHOUSE_GRPC_TLS_CERTIFICATE": "tls.crt", "ROUNDHOUSE_GRPC_TLS_PRIVATE_KEY": "~/tls.key",
                "ROUNDHOUSE_GRPC_TLS_CLIENT_CA": "ca.crt", "ROUNDHOUSE_GRPC_MAX_MESSAGE_BYTES": "4096",
                "ROUNDHOUSE_GRPC_REFLECTION": "false", "ROUNDHOUSE_STORAGE_PATH": "/tmp/a.db",
                "ROUNDHOUSE_STORAGE_RETENTION": "2h", "ROUNDHOUSE_LOCAL_ENABLED": "false",
            ]
        ) { $1 }
        let loaded = try fixture.load("")
        let grpc = loaded.configuration.grpc
        #expect(grpc.address == .unix(path: "\(fixture.directory)/run.sock"))
        #expect(grpc.tls?.certificate == "\(fixture.directory)/tls.crt")
        #expect(grpc.tls?.privateKey == "\(fixture.directory)/tls.key")
        #expect(grpc.tls?.clientCA == "\(fixture.directory)/ca.crt")
        #expect(grpc.maxMessageBytes == 4096)
        #expect(!grpc.reflection)
        #expect(loaded.configuration.storage.path == "/tmp/a.db")
        #expect(loaded.configuration.storage.retention == .seconds(7200))
        #expect(loaded.configuration.aliases.isEmpty)
        #expect(loaded.warnings.isEmpty)
    }

    @Test("An unknown variable is a warning, a reserved one and one that the file refers to are not")
    func unknownVariables() throws {
        var fixture = try ConfigurationFixture()
        fixture.environment.merge(
            [
                "ROUNDHOUSE_GRCP_ADDRESS": "x", "ROUNDHOUSE_WHATEVER_IT_MAY_BE": "x", "ROUNDHOUSE_DATA_DIR": "/d",
                "ROUNDHOUSE_TEST_X": "1", "ROUNDHOUSE_SERVICE_HOST": "10.0.0.1", "ROUNDHOUSE_PORT_50051_TCP": "x",
                "ROUNDHOUSE_MY_KEY": "sk-1",
            ]
        ) { $1 }
        let loaded = try fixture.load(
            "providers: [{ id: a, kind: openai, api_key: \"${ROUNDHOUSE_MY_KEY}\", models: [{ name: m }] }]"
        )
        #expect(
            loaded.warnings.map(\.description) == [
                "ROUNDHOUSE_GRCP_ADDRESS: unknown variable, ignored; did you mean ROUNDHOUSE_GRPC_ADDRESS?",
                "ROUNDHOUSE_WHATEVER_IT_MAY_BE: unknown variable, ignored",
            ]
        )
    }

    @Test("The data directory is found where the XDG specification has it")
    func dataDirectory() throws {
        func directory(_ environment: [String: String], flag: String? = nil) -> String {
            let loader = ConfigurationLoader(dataDirectory: flag, environment: environment, workingDirectory: "/w")
            do {
                return try loader.load(yaml: "", named: "roundhouse.yaml").dataDirectory
            } catch {
                return "\(error)"
            }
        }
        #expect(directory(["HOME": "/h"]) == "/h/.local/share/roundhouse")
        #expect(directory(["HOME": "/h", "XDG_DATA_HOME": "/x"]) == "/x/roundhouse")
        #expect(directory(["HOME": "/h", "XDG_DATA_HOME": "x"]) == "/h/.local/share/roundhouse")
        #expect(directory(["HOME": "/h", "XDG_DATA_HOME": "/x", "ROUNDHOUSE_DATA_DIR": "/r"]) == "/r")
        #expect(directory(["HOME": "/h", "ROUNDHOUSE_DATA_DIR": "/r"], flag: "d") == "/w/d")
        #expect(
            directory([:])
                == "HOME: not set, expected it, XDG_DATA_HOME, ROUNDHOUSE_DATA_DIR or --data-dir to say where data is kept"
        )
    }

    @Test("A file that was named must be there; one that cannot be read is told", arguments: [true, false])
    func namedFile(byFlag: Bool) throws {
        var fixture = try ConfigurationFixture()
        var loader = fixture.loader()
        if byFlag { loader.file = "gone.yaml" }
        fixture.environment["ROUNDHOUSE_CONFIG"] = byFlag ? "other.yaml" : "gone.yaml"
        loader.environment = fixture.environment
        let error = #expect(throws: ConfigurationError.self) { try loader.load() }
        #expect(
            error?.description
                == "gone.yaml: cannot be read (No such file or directory), expected a configuration file"
        )
        loader.file = fixture.directory
        let directory = #expect(throws: ConfigurationError.self) { try loader.load() }
        #expect(
            directory?.description
                == "\(fixture.directory): cannot be read (Is a directory), expected a configuration file"
        )
    }

    @Test("A model file that is not there yet is a warning: the server starts, and the model waits")
    func missingModelFile() throws {
        let fixture = try ConfigurationFixture()
        let loaded = try fixture.load("local: { models: [{ name: m, path: /nonexistent/m.gguf }] }")
        #expect(
            loaded.warnings.map(\.description) == [
                "roundhouse.yaml:1:36: key 'local.models[0].path': found '/nonexistent/m.gguf' "
                    + "(No such file or directory); the model waits for its file"
            ]
        )
    }

    @Test("When the bundled models are off, 'default' stands for every model by priority")
    func defaultAlias() throws {
        let fixture = try ConfigurationFixture()
        let loaded = try fixture.load(
            """
            local: { bundled_models: false }
            providers:
              - { id: a, kind: ollama, models: [{ name: slow, priority: 200 }, { name: quick }] }
            """
        )
        #expect(loaded.configuration.aliases.map(\.name) == ["default"])
        #expect(loaded.configuration.aliases[0].targets.map(\.description) == ["a/quick", "a/slow"])
    }

    @Test("An empty file and a file of comments are the defaults", arguments: ["", "# nothing\n", "---\n", "grpc:\n"])
    func empty(_ yaml: String) throws {
        let fixture = try ConfigurationFixture()
        #expect(try fixture.load(yaml).configuration.grpc == RoundhouseConfiguration.GRPC())
    }
}
