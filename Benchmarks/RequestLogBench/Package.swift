// swift-tools-version: 6.2
// How large the record of requests grows, and how long it takes to write, to ask and to prune. Builds the rooms that it
// needs from the sources of the main package (by links), so that what is internal to the package can be measured.

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
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

let package = Package(
    name: "request-log-bench",
    dependencies: [
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    ],
    targets: [
        .target(name: "Inference", swiftSettings: settings),
        .target(name: "ModelRegistry", dependencies: ["Inference"], swiftSettings: settings),
        .target(
            name: "ModelLifecycle", dependencies: ["Inference", "ModelRegistry", logging], swiftSettings: settings),
        .target(name: "Telemetry", dependencies: ["Inference"], swiftSettings: settings),
        .target(
            name: "Persistence",
            dependencies: [
                "Inference", "ModelRegistry", "ModelLifecycle", "Telemetry", logging,
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "request-log-bench",
            dependencies: ["Inference", "ModelRegistry", "Persistence", "Telemetry", logging],
            path: "Sources/RequestLogBench",
            swiftSettings: settings
        ),
    ]
)
