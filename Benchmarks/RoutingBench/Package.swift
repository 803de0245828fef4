// swift-tools-version: 6.2
// How long a decision takes: who answers, in which order. Builds the three rooms that it needs from the sources of the
// main package (by links), so that nothing else has to be built.

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

let package = Package(
    name: "routing-bench",
    targets: [
        .target(name: "Inference", swiftSettings: settings),
        .target(name: "ModelRegistry", dependencies: ["Inference"], swiftSettings: settings),
        .target(name: "Routing", dependencies: ["Inference", "ModelRegistry"], swiftSettings: settings),
        .executableTarget(
            name: "routing-bench",
            dependencies: ["Inference", "ModelRegistry", "Routing"],
            path: "Sources/RoutingBench",
            swiftSettings: settings
        ),
    ]
)
