// swift-tools-version: 6.2
// How long lookups and lists of models take, without a server around them. Builds the two rooms that it needs from the
// sources of the main package (by links), so that what is internal to the package can be measured.

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
    name: "registry-bench",
    targets: [
        .target(name: "Inference", swiftSettings: settings),
        .target(name: "ModelRegistry", dependencies: ["Inference"], swiftSettings: settings),
        .executableTarget(
            name: "registry-bench",
            dependencies: ["Inference", "ModelRegistry"],
            path: "Sources/RegistryBench",
            swiftSettings: settings
        ),
    ]
)
