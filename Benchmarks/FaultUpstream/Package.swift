// swift-tools-version: 6.2
// An upstream that fails as it is told, to point a gateway at by hand. The sources of the two rooms are links: what the
// tests run is what this runs.
import PackageDescription

let nio = ["NIOCore", "NIOPosix", "NIOHTTP1"].map { Target.Dependency.product(name: $0, package: "swift-nio") }
let http2 = ["NIOHTTP2", "NIOHPACK"].map { Target.Dependency.product(name: $0, package: "swift-nio-http2") }
let package = Package(
    name: "FaultUpstream",
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    ],
    targets: [
        .target(name: "Inference"),
        .target(
            name: "TestSupport",
            dependencies: ["Inference", .product(name: "NIOSSL", package: "swift-nio-ssl")] + nio + http2),
        .executableTarget(
            name: "FaultServer",
            dependencies: ["TestSupport", .product(name: "ArgumentParser", package: "swift-argument-parser")]
        ),
    ]
)
let features = [
    "ExistentialAny", "InternalImportsByDefault", "MemberImportVisibility", "InferIsolatedConformances",
    "NonisolatedNonsendingByDefault", "ImmutableWeakCaptures",
]
for target in package.targets {
    target.swiftSettings =
        features.map { .enableUpcomingFeature($0) }
        + [.strictMemorySafety(), .treatAllWarnings(as: .error), .swiftLanguageMode(.v6)]
}
