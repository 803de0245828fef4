@testable import Roundhouse

extension BadConfigurationTests {
    private static let price = "USD per million tokens such as 0.15, from 0 to 1000000 with at most 9 decimals"
    private static let size = "a size such as 64KiB, 32MiB or 1GiB, or a number of bytes"

    static let lifecycle = [
        Case(
            name: "lifecycle figures out of range",
            yaml: """
                lifecycle:
                  memory_share: 0.04
                  max_concurrent_loads: 0
                  keep_warm: 101
                  versions_kept: 0
                  min_residency: 2
                  probe_interval: 0s
                  events_kept: 10
                  memory_quota: { cpu: 1KiB, gpu: lots }
                """,
            problems: [
                "roundhouse.yaml:2:17: key 'lifecycle.memory_share': found '0.04', expected a number from 0.05 to 1",
                "roundhouse.yaml:3:25: key 'lifecycle.max_concurrent_loads': found '0', "
                    + "expected a whole number from 1 to 64",
                "roundhouse.yaml:4:14: key 'lifecycle.keep_warm': found '101', expected a whole number from 0 to 100",
                "roundhouse.yaml:5:18: key 'lifecycle.versions_kept': found '0', expected a whole number from 1 to 100",
                "roundhouse.yaml:6:18: key 'lifecycle.min_residency': found '2', expected \(Self.duration), from 0s to 1h",
                "roundhouse.yaml:7:19: key 'lifecycle.probe_interval': found '0s', "
                    + "expected \(Self.duration), from 100ms to 1h",
                "roundhouse.yaml:8:16: key 'lifecycle.events_kept': found '10', "
                    + "expected a whole number from 1000 to 10000000",
                "roundhouse.yaml:9:24: key 'lifecycle.memory_quota.cpu': found '1KiB', "
                    + "expected \(Self.size), from 1MiB to 64TiB",
                "roundhouse.yaml:9:35: key 'lifecycle.memory_quota.gpu': found 'lots', "
                    + "expected \(Self.size), from 1MiB to 64TiB",
            ]
        ),
        Case(
            name: "an unknown memory",
            yaml: "lifecycle: { memory_quota: { tpu: 1GiB }, lazy_lode: true }",
            problems: [
                "roundhouse.yaml:1:30: key 'lifecycle.memory_quota.tpu': unknown; did you mean 'cpu'?",
                "roundhouse.yaml:1:43: key 'lifecycle.lazy_lode': unknown; did you mean 'lazy_load'?",
            ]
        ),
        Case(
            name: "AI_MODELS_LAZY_LOAD that is neither",
            yaml: "lifecycle: { lazy_large_models: maybe }",
            problems: [
                "roundhouse.yaml:1:33: key 'lifecycle.lazy_large_models': found 'maybe', expected true or false",
                "AI_MODELS_LAZY_LOAD: found 'perhaps', expected true, 1, yes, on, false, 0, no or off",
            ],
            environment: ["AI_MODELS_LAZY_LOAD": "perhaps"]
        ),
        Case(
            name: "AI_MODELS_LAZY_LOAD that is empty",
            yaml: "",
            problems: ["AI_MODELS_LAZY_LOAD: found '', expected true, 1, yes, on, false, 0, no or off"],
            environment: ["AI_MODELS_LAZY_LOAD": ""]
        ),
        Case(
            name: "variables of the lifecycle",
            yaml: "",
            problems: [
                "ROUNDHOUSE_LIFECYCLE_IDLE_TTL: found 'never', expected \(Self.duration), from 0s to 365d",
                "ROUNDHOUSE_LIFECYCLE_MEMORY_QUOTA_CPU: found '-1', expected \(Self.size), from 1MiB to 64TiB",
            ],
            environment: [
                "ROUNDHOUSE_LIFECYCLE_IDLE_TTL": "never", "ROUNDHOUSE_LIFECYCLE_MEMORY_QUOTA_CPU": "-1",
            ]
        ),
    ]

    static let modelOptions =
        ["1e-3", "-1", ".5", "1.", "1,5", "0.0000000001", "1000000.1", "$1", "NaN", "9999999999999999999"].map { text in
            Case(
                name: "price \(text)",
                yaml: "providers:\n  - id: a\n    kind: ollama\n    models:\n"
                    + "      - { name: m, price_output: 1, price_input: \"\(text)\" }\n",
                problems: [
                    "roundhouse.yaml:5:50: key 'providers[0].models[0].price_input': found '\(text)', "
                        + "expected \(Self.price)"
                ]
            )
        } + [
            Case(
                name: "half a price",
                yaml: "providers:\n  - id: a\n    kind: ollama\n    models:\n      - { name: m, price_output: 1 }\n"
                    + "      - { name: n, price_cached_input: 1 }\n",
                problems: [
                    "roundhouse.yaml:5:9: key 'providers[0].models[0].price_input': missing, expected \(Self.price) "
                        + "(price_input and price_output belong together; 0 is free)",
                    "roundhouse.yaml:6:9: key 'providers[0].models[1].price_input': missing, expected \(Self.price) "
                        + "(price_input and price_output belong together; 0 is free)",
                    "roundhouse.yaml:6:9: key 'providers[0].models[1].price_output': missing, expected \(Self.price) "
                        + "(price_input and price_output belong together; 0 is free)",
                ]
            ),
            Case(
                name: "options of a provider's model",
                yaml: "providers:\n  - id: a\n    kind: ollama\n    models:\n      - name: m\n        category: sound\n"
                    + "        quality_score: 1.01\n        safety_score: good\n        tags: [a, a, \"b c\", \"\"]\n"
                    + "        enabled: 1\n",
                problems: [
                    "roundhouse.yaml:6:19: key 'providers[0].models[0].category': found 'sound', "
                        + "expected text, image, voice, video or embedding",
                    "roundhouse.yaml:7:24: key 'providers[0].models[0].quality_score': found '1.01', "
                        + "expected a number from 0 to 1",
                    "roundhouse.yaml:8:23: key 'providers[0].models[0].safety_score': found 'good', "
                        + "expected a number from 0 to 1",
                    "roundhouse.yaml:9:19: key 'providers[0].models[0].tags[1]': found 'a' again, expected it once",
                    "roundhouse.yaml:9:22: key 'providers[0].models[0].tags[2]': found 'b c', "
                        + "expected labels of 1 to 63 bytes without white space",
                    "roundhouse.yaml:9:29: key 'providers[0].models[0].tags[3]': found '', "
                        + "expected labels of 1 to 63 bytes without white space",
                    "roundhouse.yaml:10:18: key 'providers[0].models[0].enabled': found '1', expected true or false",
                ]
            ),
            Case(
                name: "too many tags",
                yaml: "providers:\n  - id: a\n    kind: ollama\n    models:\n      - name: m\n        tags: ["
                    + (1...65).map { "t\($0)" }.joined(separator: ", ") + "]\n",
                problems: [
                    "roundhouse.yaml:6:15: key 'providers[0].models[0].tags': found 65 tags, expected 64 at most"
                ]
            ),
            Case(
                name: "a provider that cannot be managed",
                yaml: "providers:\n  - { id: a, kind: vllm, managed: true, \(Self.model) }\n"
                    + "  - { id: b, kind: ollama, managed: true, \(Self.model) }\n",
                problems: [
                    "roundhouse.yaml:2:35: key 'providers[0].managed': found it with kind vllm, "
                        + "expected it with kind lm_studio or ollama only"
                ]
            ),
            Case(
                name: "options of a local model",
                yaml: "local:\n  models:\n    - name: m\n      path: /nonexistent/x.gguf\n      lazy: true\n"
                    + "      preload: true\n      idle_ttl: 0\n      gpu_layers: all\n",
                problems: [
                    "roundhouse.yaml:6:16: key 'local.models[0].preload': found 'true' beside lazy: true, "
                        + "expected one of the two: a lazy model is loaded by its first request",
                    "roundhouse.yaml:7:17: key 'local.models[0].idle_ttl': found '0', "
                        + "expected \(Self.duration), from 0s to 365d",
                    "roundhouse.yaml:8:19: key 'local.models[0].gpu_layers': found 'all', "
                        + "expected a whole number from 0 to 1000",
                ]
            ),
            Case(
                name: "model folders",
                yaml: "local:\n  model_folders: [/dev/null, \"\", /dev/null]\n",
                problems: [
                    "roundhouse.yaml:2:19: key 'local.model_folders[0]': found '/dev/null' (Not a directory), "
                        + "expected a directory",
                    "roundhouse.yaml:2:30: key 'local.model_folders[1]': found '', expected a path",
                    "roundhouse.yaml:2:34: key 'local.model_folders[2]': found '/dev/null' again, expected it once",
                ]
            ),
        ]

    static let weightedAliases = [
        Case(
            name: "targets that are not there",
            yaml: "aliases:\n  a: { mode: weighted, targets: [local/tinny, { weight: 2, model: local/tinny2 }] }\n",
            problems: [
                "roundhouse.yaml:2:34: key 'aliases.a.targets[0]': found 'local/tinny', "
                    + "expected a configured model; did you mean 'local/tiny'?",
                "roundhouse.yaml:2:67: key 'aliases.a.targets[1].model': found 'local/tinny2', "
                    + "expected a configured model; did you mean 'local/tiny'?",
            ]
        ),
        Case(
            name: "weights without the mode",
            yaml: "aliases:\n  a:\n    targets: [{ model: local/tiny, weight: 3 }, local/small]\n",
            problems: [
                "roundhouse.yaml:3:44: key 'aliases.a.targets[0].weight': found '3', expected mode: weighted beside "
                    + "targets, since the mode ordered has no weights"
            ]
        ),
        Case(
            name: "weights of nothing",
            yaml: "aliases:\n  a: { mode: weighted, targets: [{ model: local/tiny, weight: 0 }] }\n",
            problems: ["roundhouse.yaml:2:33: key 'aliases.a.targets': found weights of 0 only, expected one above 0"]
        ),
        Case(
            name: "targets of all kinds",
            yaml: """
                aliases:
                  a:
                    mode: random
                    targets:
                      - { model: local/tiny, weight: 1001 }
                      - { weight: 1 }
                      - local/tiny
                      - { model: local/small, wait: 2 }
                      - tiny
                  b: { mode: weighted }
                  c: { targets: [] }
                  d: { targets: local/tiny }
                """,
            problems: [
                "roundhouse.yaml:3:11: key 'aliases.a.mode': found 'random', expected ordered or weighted",
                "roundhouse.yaml:5:38: key 'aliases.a.targets[0].weight': found '1001', "
                    + "expected a whole number from 0 to 1000",
                "roundhouse.yaml:6:9: key 'aliases.a.targets[1].model': missing, "
                    + "expected a model as provider/name, for example openai/gpt-4o",
                "roundhouse.yaml:7:9: key 'aliases.a.targets[2]': found 'local/tiny' again, expected it once",
                "roundhouse.yaml:8:31: key 'aliases.a.targets[3].wait': unknown, expected one of model, weight",
                "roundhouse.yaml:9:9: key 'aliases.a.targets[4]': found 'tiny', "
                    + "expected a model as provider/name, for example openai/gpt-4o",
                "roundhouse.yaml:10:6: key 'aliases.b.targets': missing, "
                    + "expected a list of models, or of mappings with model and weight",
                "roundhouse.yaml:11:17: key 'aliases.c.targets': found an empty list, "
                    + "expected a list of models, or of mappings with model and weight",
                "roundhouse.yaml:12:17: key 'aliases.d.targets': found a single value, "
                    + "expected a list of models, or of mappings with model and weight",
            ]
        ),
    ]
}
