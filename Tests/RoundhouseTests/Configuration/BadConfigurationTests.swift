import Testing

@testable import Roundhouse

@Suite("Bad configurations")
struct BadConfigurationTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var yaml: String
        var problems: [String]
        var environment: [String: String] = [:]
        var testDescription: String { self.name }
    }

    @Test("Each problem is told with its place, its key, what was found and what was expected", arguments: Self.cases)
    func problem(_ bad: Case) throws {
        var fixture = try ConfigurationFixture()
        fixture.environment.merge(bad.environment) { $1 }
        #expect(fixture.problems(bad.yaml) == bad.problems)
    }

    static let duration = "a duration such as 500ms, 30s, 5m, 1h or 30d"
    static let model = "models: [{ name: m }]"

    static let cases: [Case] =
        Self.syntax + Self.scalars + Self.listen + Self.providers + Self.models + Self.lifecycle + Self.modelOptions
        + Self.weightedAliases

    static let syntax = [
        Case(
            name: "unknown key, nearly right",
            yaml: "grpc:\n  adress: 127.0.0.1:0\n",
            problems: ["roundhouse.yaml:2:3: key 'grpc.adress': unknown; did you mean 'address'?"]
        ),
        Case(
            name: "unknown key, with a dash",
            yaml: "grpc: { max-connections: 3 }",
            problems: ["roundhouse.yaml:1:9: key 'grpc.max-connections': unknown; did you mean 'max_connections'?"]
        ),
        Case(
            name: "unknown key in the wrong section",
            yaml: "retention: 30d",
            problems: ["roundhouse.yaml:1:1: key 'retention': unknown here; did you mean 'storage.retention'?"]
        ),
        Case(
            name: "unknown key like no other",
            yaml: "log:\n  zzzzzzzz: 1\n",
            problems: [
                "roundhouse.yaml:2:3: key 'log.zzzzzzzz': unknown, expected one of level, format, requests, prompts"
            ]
        ),
        Case(
            name: "key given twice, and something else",
            yaml: "log:\n  level: info\n  format: text\n  level: warning\nstorage:\n  retention: soon\n",
            problems: [
                "roundhouse.yaml:4:3: key 'log.level': given twice, expected once (first in line 2)",
                "roundhouse.yaml:6:14: key 'storage.retention': found 'soon', "
                    + "expected \(Self.duration), from 1h to 3650d",
            ]
        ),
        Case(
            name: "key given three times",
            yaml: "log:\n  level: info\n  level: info\n  \"level\": info\n",
            problems: [
                "roundhouse.yaml:3:3: key 'log.level': given twice, expected once (first in line 2)",
                "roundhouse.yaml:4:3: key 'log.level': given twice, expected once (first in line 2)",
            ]
        ),
        Case(
            name: "key given twice on one line",
            yaml: "log: { level: info, level: info }",
            problems: ["roundhouse.yaml:1:8: key 'level': given twice, expected once"]
        ),
        Case(
            name: "a tab",
            yaml: "log:\n\tlevel: info\n",
            problems: [
                "roundhouse.yaml:2:1: not valid YAML: found character that cannot start any token (a tab: indent with spaces)"
            ]
        ),
        Case(
            name: "a list where a section belongs",
            yaml: "grpc: [1]",
            problems: [
                "roundhouse.yaml:1:7: key 'grpc': found a list, expected a mapping with keys such as address, insecure, "
                    + "tls, max_message_bytes, max_metadata_bytes, max_connections, max_concurrent_streams, "
                    + "max_connection_age, slow_consumer_timeout, shutdown_grace, reflection"
            ]
        ),
        Case(
            name: "a text for a file",
            yaml: "hello",
            problems: [
                "roundhouse.yaml:1:1: key '': found a single value, expected a mapping with keys such as grpc, http, log, "
                    + "storage, telemetry, local, lifecycle, routing, openrouter, providers, aliases"
            ]
        ),
    ]

    static let scalars = [
        Case(
            name: "wrong types",
            yaml:
                "grpc:\n  reflection: yes\n  max_connections: many\n  shutdown_grace: 30\n  insecure:\nlog:\n  level: [info]\n",
            problems: [
                "roundhouse.yaml:2:15: key 'grpc.reflection': found 'yes', expected true or false",
                "roundhouse.yaml:3:20: key 'grpc.max_connections': found 'many', "
                    + "expected a whole number from 1 to 1000000",
                "roundhouse.yaml:4:19: key 'grpc.shutdown_grace': found '30', expected \(Self.duration), from 0s to 1h",
                "roundhouse.yaml:5:12: key 'grpc.insecure': found nothing, expected true or false",
                "roundhouse.yaml:7:10: key 'log.level': found a list, "
                    + "expected trace, debug, info, notice, warning, error or critical",
            ]
        ),
        Case(
            name: "numbers out of range",
            yaml:
                "grpc:\n  max_connections: 0\n  max_message_bytes: 2GiB\n  shutdown_grace: 2h\nlocal:\n  threads: -1\n",
            problems: [
                "roundhouse.yaml:2:20: key 'grpc.max_connections': found '0', expected a whole number from 1 to 1000000",
                "roundhouse.yaml:3:22: key 'grpc.max_message_bytes': found '2GiB', expected a size such as 64KiB, "
                    + "32MiB or 1GiB, or a number of bytes, from 1KiB to 1GiB",
                "roundhouse.yaml:4:19: key 'grpc.shutdown_grace': found '2h', expected \(Self.duration), from 0s to 1h",
                "roundhouse.yaml:6:12: key 'local.threads': found '-1', expected a whole number from 0 to 1024",
            ]
        ),
        Case(
            name: "numbers that overflow",
            yaml: "storage:\n  retention: 99999999999999999999d\ngrpc:\n  max_message_bytes: 999999999999GiB\n",
            problems: [
                "roundhouse.yaml:2:14: key 'storage.retention': found '99999999999999999999d', "
                    + "expected \(Self.duration), from 1h to 3650d",
                "roundhouse.yaml:4:22: key 'grpc.max_message_bytes': found '999999999999GiB', expected a size such as "
                    + "64KiB, 32MiB or 1GiB, or a number of bytes, from 1KiB to 1GiB",
            ]
        ),
        Case(
            name: "a choice, nearly right",
            yaml: "log: { level: warn, format: xml }",
            problems: [
                "roundhouse.yaml:1:15: key 'log.level': found 'warn', expected trace, debug, info, notice, warning, "
                    + "error or critical",
                "roundhouse.yaml:1:29: key 'log.format': found 'xml', expected text or json",
            ]
        ),
        Case(
            name: "a variable where none is replaced",
            yaml: "storage: { path: \"${HOME}/x.db\" }",
            problems: [
                "roundhouse.yaml:1:18: key 'storage.path': found '${…}', "
                    + "expected a path (variables are replaced in api_key and headers only)"
            ]
        ),
        Case(
            name: "a bad variable",
            yaml: "",
            problems: [
                "ROUNDHOUSE_GRPC_MAX_CONNECTIONS: found '', expected a whole number from 1 to 1000000",
                "ROUNDHOUSE_LOG_LEVEL: found 'loud', expected trace, debug, info, notice, warning, error or critical",
            ],
            environment: ["ROUNDHOUSE_LOG_LEVEL": "loud", "ROUNDHOUSE_GRPC_MAX_CONNECTIONS": ""]
        ),
    ]

    static let listen =
        ["localhost", "127.0.0.1:65536", "1.2.3:80", "::1:80", "[::1]", "example.com:80", ":50051", "unix:"].map {
            text in
            Case(
                name: "address \(text)",
                yaml: "grpc: { address: \"\(text)\" }",
                problems: [
                    "roundhouse.yaml:1:18: key 'grpc.address': found '\(text)', "
                        + "expected IPV4:PORT, [IPV6]:PORT, localhost:PORT (port 0...65535) or unix:PATH"
                ]
            )
        } + [
            Case(
                name: "a socket path that is too long",
                yaml:
                    "grpc: { address: \"unix:/\(String(repeating: "x", count: 60))/\(String(repeating: "y", count: 60))\" }",
                problems: [
                    "roundhouse.yaml:1:18: key 'grpc.address': found "
                        + "'unix:/\(String(repeating: "x", count: 60))/\(String(repeating: "y", count: 13))…', "
                        + "expected unix:PATH with at most 107 bytes of path"
                ]
            ),
            Case(
                name: "an address for everybody without TLS",
                yaml: "grpc:\n  address: \"[::]:50051\"\n",
                problems: [
                    "roundhouse.yaml:2:12: key 'grpc.address': found '[::]:50051', which other machines can reach, "
                        + "expected a loopback address, or grpc.tls, or grpc.insecure: true to serve without encryption"
                ]
            ),
            Case(
                name: "an HTTP address for everybody",
                yaml: "http:\n  address: \"0.0.0.0:8080\"\n",
                problems: [
                    "roundhouse.yaml:2:12: key 'http.address': found '0.0.0.0:8080', which other machines can reach, "
                        + "expected a loopback address, or http.insecure: true to serve without encryption"
                ]
            ),
            Case(
                name: "a socket for HTTP",
                yaml: "http: { address: \"unix:/run/http.sock\" }",
                problems: [
                    "roundhouse.yaml:1:18: key 'http.address': found 'unix:/run/http.sock', "
                        + "expected IPV4:PORT, [IPV6]:PORT, localhost:PORT (port 0...65535) or off"
                ]
            ),
            Case(
                name: "half of TLS, and a file that is not there",
                yaml: "grpc:\n  tls:\n    certificate: /nonexistent/tls.crt\n",
                problems: [
                    "roundhouse.yaml:3:5: key 'grpc.tls.private_key': missing, "
                        + "expected a path (certificate and private_key belong together)",
                    "roundhouse.yaml:3:18: key 'grpc.tls.certificate': found '/nonexistent/tls.crt' "
                        + "(No such file or directory), expected a PEM file that can be read",
                ]
            ),
        ]

    static let providers = [
        Case(
            name: "keys that must be there",
            yaml: "providers:\n  - headers: {}\n",
            problems: [
                "roundhouse.yaml:2:5: key 'providers[0].id': missing, "
                    + "expected 1-63 characters of a-z, 0-9, '-', '_' and '.', beginning with a letter or a digit",
                "roundhouse.yaml:2:5: key 'providers[0].kind': missing, "
                    + "expected openai, azure_openai, openrouter, anthropic, gemini, lm_studio, vllm, llama_cpp, "
                    + "ollama or custom",
            ]
        ),
        Case(
            name: "an unknown kind",
            yaml: "providers:\n  - { id: a, kind: opnai, \(Self.model) }\n",
            problems: [
                "roundhouse.yaml:2:20: key 'providers[0].kind': found 'opnai', expected openai, azure_openai, openrouter, "
                    + "anthropic, gemini, lm_studio, vllm, llama_cpp, ollama or custom (did you mean openai?)"
            ]
        ),
        Case(
            name: "ids that clash",
            yaml: "providers:\n  - { id: a, kind: ollama, \(Self.model) }\n  - { id: a, kind: ollama, \(Self.model) }\n"
                + "  - { id: local, kind: ollama, \(Self.model) }\n  - { id: A, kind: ollama, \(Self.model) }\n",
            problems: [
                "roundhouse.yaml:3:11: key 'providers[1].id': found 'a', which providers[0].id has too, "
                    + "expected a name of its own",
                "roundhouse.yaml:4:11: key 'providers[2].id': found 'local', "
                    + "expected another name: 'local' stands for the models that run here",
                "roundhouse.yaml:5:11: key 'providers[3].id': found 'A', expected 1-63 characters of a-z, 0-9, '-', "
                    + "'_' and '.', beginning with a letter or a digit",
            ]
        ),
        Case(
            name: "an address that is missing",
            yaml: "providers:\n  - { id: a, kind: custom, \(Self.model) }\n",
            problems: [
                "roundhouse.yaml:2:5: key 'providers[0].base_url': missing, "
                    + "expected a URL such as https://api.example.com/v1 (kind custom has no default)"
            ]
        ),
        Case(
            name: "an address in the clear",
            yaml: "providers:\n  - { id: a, kind: vllm, base_url: \"http://10.0.0.7:8000/v1\", \(Self.model) }\n",
            problems: [
                "roundhouse.yaml:2:36: key 'providers[0].base_url': found 'http://10.0.0.7:8000/v1', "
                    + "expected https, or allow_insecure: true to send prompts and keys in the clear"
            ]
        ),
        Case(
            name: "a variable that is not set",
            yaml: "providers:\n  - { id: a, kind: openai, api_key: \"${OPENAI_API_KEY}\", \(Self.model) }\n",
            problems: [
                "roundhouse.yaml:2:37: key 'providers[0].api_key': found '${OPENAI_API_KEY}', expected the environment "
                    + "variable OPENAI_API_KEY to be set and not empty, or a default: ${OPENAI_API_KEY:-…}"
            ]
        ),
        Case(
            name: "a key that is empty after expansion",
            yaml: "providers:\n  - { id: a, kind: openai, api_key: \"${KEY:-}\", \(Self.model) }\n",
            problems: [
                "roundhouse.yaml:2:37: key 'providers[0].api_key': found an empty value, "
                    + "expected printable ASCII characters without spaces"
            ]
        ),
        Case(
            name: "a key file that is not there",
            yaml: "providers:\n  - { id: a, kind: openai, api_key_file: /nonexistent/key, \(Self.model) }\n",
            problems: [
                "roundhouse.yaml:2:42: key 'providers[0].api_key_file': found a path "
                    + "(No such file or directory), expected a file that can be read"
            ]
        ),
        Case(
            name: "no key where one is needed",
            yaml: "providers:\n  - { id: a, kind: openai, \(Self.model) }\n",
            problems: [
                "roundhouse.yaml:2:5: key 'providers[0].api_key': missing, "
                    + "expected a key, api_key_file, api_keys or api_key_command (kind openai needs one; an endpoint without keys is kind custom)"
            ]
        ),
        Case(
            name: "headers",
            yaml: "providers:\n  - id: a\n    kind: ollama\n    \(Self.model)\n    headers:\n"
                + "      Host: x\n      X-A: 1\n      x-a: 2\n      \"X A\": 1\n      X-B: [1]\n",
            problems: [
                "roundhouse.yaml:6:13: key 'providers[0].headers.Host': found 'Host', "
                    + "expected a header that Roundhouse does not set itself",
                "roundhouse.yaml:8:12: key 'providers[0].headers.x-a': given twice, "
                    + "expected once (upper and lower case are the same in headers)",
                "roundhouse.yaml:9:14: key 'providers[0].headers.X A': found 'X A' as a header, "
                    + "expected letters, digits and !#$%&'*+-.^_`|~",
                "roundhouse.yaml:10:12: key 'providers[0].headers.X-B': found a list, "
                    + "expected printable ASCII characters, or ${NAME} for an environment variable",
            ]
        ),
    ]

    static let models = [
        Case(
            name: "aliases to nothing",
            yaml: "aliases:\n  fast: local/tinny\n  slow:\n    - local/small\n    - openai/gpt-4o\n  auto: local/tiny\n"
                + "  bare: tiny\n  \"a b\": local/tiny\n  none: []\n",
            problems: [
                "roundhouse.yaml:2:9: key 'aliases.fast': found 'local/tinny', "
                    + "expected a configured model; did you mean 'local/tiny'?",
                "roundhouse.yaml:5:7: key 'aliases.slow[1]': found 'openai/gpt-4o', "
                    + "expected a configured model: local/small, local/tiny",
                "roundhouse.yaml:6:9: key 'aliases.auto': found 'auto' as an alias, "
                    + "expected another name: 'auto' lets the router choose",
                "roundhouse.yaml:7:9: key 'aliases.bare': found 'tiny', "
                    + "expected a model as provider/name, for example openai/gpt-4o",
                "roundhouse.yaml:8:10: key 'aliases.a b': found 'a b' as an alias, expected 1-63 characters of a-z, "
                    + "0-9, '-', '_' and '.', beginning with a letter or a digit",
                "roundhouse.yaml:9:9: key 'aliases.none': found an empty list, "
                    + "expected a model as provider/name, for example openai/gpt-4o, or a list of them",
            ]
        ),
        Case(
            name: "models that clash",
            yaml: "providers:\n  - id: a\n    kind: ollama\n    models:\n      - name: m\n      - name: m\n"
                + "        capabilities: [chat, chat, sight]\n      - { name: \"a b\" }\n",
            problems: [
                "roundhouse.yaml:6:15: key 'providers[0].models[1].name': found 'm', "
                    + "which providers[0].models[0].name has too, expected a name of its own",
                "roundhouse.yaml:7:30: key 'providers[0].models[1].capabilities[1]': found 'chat' again, expected it once",
                "roundhouse.yaml:7:36: key 'providers[0].models[1].capabilities[2]': found 'sight', "
                    + "expected chat, completion, streaming, tools, json_schema, vision, reasoning, embeddings or prefill",
                "roundhouse.yaml:8:17: key 'providers[0].models[2].name': found 'a b', "
                    + "expected 1-255 characters without white space",
            ]
        ),
        Case(
            name: "local models",
            yaml: "local:\n  models:\n    - { name: tiny, path: /nonexistent/x.gguf }\n    - { name: b }\n",
            problems: [
                "roundhouse.yaml:3:15: key 'local.models[0].name': found 'tiny', a bundled model, "
                    + "expected a name of its own, or local.bundled_models: false",
                "roundhouse.yaml:4:7: key 'local.models[1].path': missing, expected a path",
            ]
        ),
    ]
}
