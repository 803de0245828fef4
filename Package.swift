// swift-tools-version: 6.2
// Roundhouse: a self-hosted model gateway for services that speak gRPC.
//
// Rules of this file: one target per room of docs/Architecture.md, sorted from the wire inwards and then outwards
// again; a one-line comment says what lives there; settings are applied to every target in the loop at the end.

import PackageDescription

// MARK: - Products that other packages give us

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let grdbSQLite = Target.Dependency.product(name: "GRDBSQLite", package: "GRDB.swift")
let grpcCore = Target.Dependency.product(name: "GRPCCore", package: "grpc-swift-2")
let grpcInProcess = Target.Dependency.product(name: "GRPCInProcessTransport", package: "grpc-swift-2")
let grpcProtobuf = Target.Dependency.product(name: "GRPCProtobuf", package: "grpc-swift-protobuf")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioHPACK = Target.Dependency.product(name: "NIOHPACK", package: "swift-nio-http2")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioHTTP2 = Target.Dependency.product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let swiftProtobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let tracing = Target.Dependency.product(name: "Tracing", package: "swift-distributed-tracing")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

// MARK: - The package

let package = Package(
    name: "roundhouse",
    products: [
        .executable(name: "roundhouse", targets: ["RoundhouseCLI"]),
        .library(name: "Roundhouse", targets: ["Roundhouse", "Routing", "ModelRegistry", "Inference"]),
        .library(name: "GRPCTransport", targets: ["GRPCTransport"]),
        .plugin(name: "GenerateProtos", targets: ["GenerateProtos"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0", traits: []),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.3"),
        .package(url: "https://github.com/grpc/grpc-swift-protobuf", from: "2.4.1"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
    ],
    targets: [
        // C++17 over libgrpc++: server and channel behind one pure-C header. Bytes, opaque handles, callbacks.
        // Libraries by name: pkg-config's answer for grpc++ 1.51 expands until the linker refuses its length.
        .target(
            name: "CGRPC",
            linkerSettings: [
                .linkedLibrary("grpc++"), .linkedLibrary("grpc"), .linkedLibrary("gpr"),
                .linkedLibrary("absl_synchronization"),
            ]
        ),
        // C++17 over simdjson: pulls a few fields out of a JSON chunk at token speed, behind one pure-C header.
        .target(name: "CSimdJSON", linkerSettings: [.linkedLibrary("simdjson")]),
        // The safe Swift face of CGRPC: ServerTransport and ClientTransport of grpc-swift-2.
        .target(name: "GRPCTransport", dependencies: ["CGRPC", grpcCore]),
        // The generated descriptor set as bytes in the binary (C, for #embed). RoundhouseAPI alone imports it.
        .target(name: "CDescriptors", exclude: ["roundhouse.binpb"]),
        // Generated messages, grpc-swift stubs and the descriptor set. No logic.
        .target(
            name: "RoundhouseAPI",
            dependencies: ["CDescriptors", swiftProtobuf, grpcCore, grpcProtobuf]
        ),
        // The vocabulary: requests, events, usage, faults, `protocol Provider`. Imports the standard library only.
        .target(name: "Inference"),
        // What exists: providers, models, aliases, as immutable snapshots; filters, edits, statistics.
        .target(name: "ModelRegistry", dependencies: ["Inference"]),
        // What is loaded: instance states, scheduler, memory ledger, eviction, leases, warm-up, events.
        .target(name: "ModelLifecycle", dependencies: ["Inference", "ModelRegistry", logging]),
        // Engines that we start ourselves: process supervision, llama.cpp, installers.
        .target(
            name: "LocalEngines",
            dependencies: ["Inference", logging, subprocess, systemPackage],
            resources: [
                // models/ links here: SwiftPM would copy a link in this direction as a link, and it would lead nowhere.
                .copy("Resources/tiny-q8_0.gguf"), .copy("Resources/small-q8_0.gguf"),
                // Part of the binary: an engine must start wherever the binary was copied to.
                .embedInCode("Launcher/launch_engine.py"), .embedInCode("Recipes/convert_minilm.py"),
            ]
        ),
        // How to talk to each upstream: wire adapters, the SSE reader, the HTTP client.
        .target(
            name: "Providers",
            dependencies: ["Inference", "CSimdJSON", nioCore, nioPosix, nioSSL, nioTLS, nioHTTP2, nioHPACK]
        ),
        // Who answers: candidates, order, fallback. Pure policy and one executor.
        .target(name: "Routing", dependencies: ["Inference", "ModelRegistry"]),
        // What happened and what to do about it: histograms, windows, health scores, anomalies, recommendations, metrics.
        .target(name: "Telemetry", dependencies: ["Inference"]),
        // Spans that have ended, on their way to a collector: OTLP's JSON, a bounded queue, retries, settings. Pure.
        .target(name: "TraceExport", dependencies: ["Inference"]),
        // The embedded store: SQLite by GRDB. Implements the storage protocols that rooms above declare.
        .target(
            name: "Persistence",
            dependencies: ["Inference", "ModelRegistry", "ModelLifecycle", "Telemetry", grdb, grdbSQLite, logging]
        ),
        // The pipeline, the gRPC services, conversion, configuration, composition: what a Swift server embeds.
        .target(
            name: "Roundhouse",
            dependencies: [
                "GRPCTransport", "RoundhouseAPI", "Inference", "ModelRegistry", "ModelLifecycle", "LocalEngines",
                "Providers", "Routing", "Persistence", "Telemetry", "TraceExport", grpcCore, grpcProtobuf, hummingbird,
                swiftProtobuf, logging, nioCore, nioPosix, tracing, yams,
            ]
        ),
        // The `roundhouse` executable: serve, chat, generate, models, status, config, engines.
        .executableTarget(
            name: "RoundhouseCLI",
            dependencies: [
                "Roundhouse", "RoundhouseAPI", "GRPCTransport", grpcCore, grpcProtobuf, swiftProtobuf, logging,
                argumentParser, unixSignals,
            ]
        ),
        // Scripted provider, fault upstream, manual clock, temporary store. Tests only.
        .target(
            name: "TestSupport",
            dependencies: ["Inference", nioCore, nioPosix, nioHTTP1, nioHTTP2, nioHPACK],
            path: "Sources/TestSupport"
        ),
        // Tests mirror Sources.
        .testTarget(name: "GRPCTransportTests", dependencies: ["GRPCTransport", grpcCore]),
        .testTarget(name: "InferenceTests", dependencies: ["Inference"]),
        .testTarget(name: "ModelRegistryTests", dependencies: ["Inference", "ModelRegistry"]),
        .testTarget(
            name: "ModelLifecycleTests",
            dependencies: ["Inference", "ModelRegistry", "ModelLifecycle", "TestSupport", logging]
        ),
        .testTarget(name: "RoutingTests", dependencies: ["Inference", "ModelRegistry", "Routing", "TestSupport"]),
        .testTarget(name: "TelemetryTests", dependencies: ["Inference", "Telemetry"]),
        .testTarget(name: "TraceExportTests", dependencies: ["Inference", "TraceExport"]),
        .testTarget(
            name: "RoundhouseTests",
            dependencies: [
                "Roundhouse", "RoundhouseAPI", "Inference", "ModelRegistry", "ModelLifecycle", "Routing", "Providers",
                "Persistence", "Telemetry", "TraceExport", "TestSupport", "GRPCTransport",
                grpcCore, grpcInProcess, grpcProtobuf, swiftProtobuf, logging, nioCore, nioPosix, tracing, yams,
            ]
        ),
        .testTarget(
            name: "ProvidersTests",
            dependencies: [
                "Providers", "Inference", "TestSupport", "CSimdJSON", nioCore, nioPosix, nioSSL, nioHTTP2, nioHPACK,
            ]
        ),
        .testTarget(
            name: "LocalEnginesTests",
            dependencies: ["LocalEngines", "Inference", logging, subprocess, systemPackage]
        ),
        .testTarget(
            name: "PersistenceTests",
            dependencies: ["Persistence", "Inference", "ModelRegistry", "ModelLifecycle", "Telemetry", grdb, logging]
        ),
        .testTarget(
            name: "RoundhouseCLITests",
            dependencies: [
                "RoundhouseCLI", "Roundhouse", "RoundhouseAPI", "GRPCTransport", argumentParser, grpcCore,
                grpcInProcess,
                grpcProtobuf, swiftProtobuf,
            ]
        ),
        // The `roundhouse` program itself as a child process, real gRPC clients before it, fault upstreams behind it.
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "RoundhouseCLI", "RoundhouseAPI", "GRPCTransport", "Persistence", "Inference", "TestSupport", grpcCore,
                grpcProtobuf, swiftProtobuf, grdb, subprocess, systemPackage,
            ]
        ),
        // `swift package generate-protos`: Debian's protoc with the Swift generators, output committed.
        .plugin(
            name: "GenerateProtos",
            capability: .command(
                intent: .custom(
                    verb: "generate-protos",
                    description: "Regenerates Sources/RoundhouseAPI/Generated from proto/."
                ),
                permissions: [
                    .writeToPackageDirectory(reason: "Writes Sources/RoundhouseAPI/Generated.")
                ]
            ),
            dependencies: [
                .product(name: "protoc-gen-swift", package: "swift-protobuf"),
                .product(name: "protoc-gen-grpc-swift-2", package: "grpc-swift-protobuf"),
            ]
        ),
    ],
    cxxLanguageStandard: .cxx17
)

// MARK: - Settings, the same for every target

// The six upcoming features of Swift 7. swiftc ignores a misspelt name without a word: `scripts/check` compares these
// with `swiftc -print-supported-features`.
let swift7Features = [
    "ExistentialAny",  // SE-0335
    "InternalImportsByDefault",  // SE-0409
    "MemberImportVisibility",  // SE-0444
    "InferIsolatedConformances",  // SE-0470
    "NonisolatedNonsendingByDefault",  // SE-0461
    "ImmutableWeakCaptures",  // SE-0481
]

for target in package.targets where target.type != .plugin {
    target.swiftSettings =
        (target.swiftSettings ?? [])
        + swift7Features.map { .enableUpcomingFeature($0) }
        + [.strictMemorySafety(), .treatAllWarnings(as: .error), .swiftLanguageMode(.v6)]
}
