// swift-tools-version: 6.2
// Feeds the decoders of what upstreams send with inputs that libFuzzer makes up: see scripts/fuzz. Builds the decoders
// alone, from the sources of the main package (by links): no NIO, so that it takes a minute and not ten.

import PackageDescription

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("ImmutableWeakCaptures"),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .swiftLanguageMode(.v6),
]
// Tells libFuzzer which branches an input took.
let instrumented: [SwiftSetting] = [
    .unsafeFlags(["-sanitize=fuzzer"])
]

let package = Package(
    name: "fuzzing",
    targets: [
        .target(name: "Inference", swiftSettings: settings),
        .target(
            name: "CSimdJSON",
            cxxSettings: [.unsafeFlags(["-fsanitize=fuzzer-no-link"])],
            linkerSettings: [.linkedLibrary("simdjson")]
        ),
        // What of the room turns bytes into events. What sends requests needs NIO and stays out.
        .target(
            name: "Providers",
            dependencies: ["Inference", "CSimdJSON"],
            exclude: ["Ollama/OllamaAPI.swift", "OpenAI/OpenAIProvider.swift"],
            sources: [
                "Anthropic", "Gemini", "Ollama", "OpenAI", "Wire", "Discovery/TokenPrice.swift",
                "HTTP/HTTPResponseHead.swift", "HTTP/HTTPResponseParser.swift", "HTTP/ResponseDecoder.swift",
                "JSON/JSONAnswer.swift", "JSON/JSONErrors.swift", "ProviderKind.swift", "Secret.swift",
            ],
            swiftSettings: settings + instrumented + [.define("DECODERS_ALONE")]
        ),
        .target(name: "CFuzzer"),
        .executableTarget(
            name: "fuzz",
            dependencies: ["Inference", "Providers", "CFuzzer"],
            path: "Sources/Fuzz",
            swiftSettings: settings,
            // gold stumbles over the symbols of the sanitizer.
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer", "-use-ld=lld"])]
        ),
    ],
    cxxLanguageStandard: .cxx17
)
