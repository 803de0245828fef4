// swift-tools-version: 6.2
// An echo server over GRPCTransport and nothing else: what the bridge costs, beside the bare C++ servers of ../limit.

import PackageDescription

let package = Package(
    name: "transport-echo",
    dependencies: [
        // By name: a path's identity is its folder's name, which is whatever the clone is called.
        .package(name: "roundhouse", path: "../.."),
        .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.3"),
    ],
    targets: [
        .executableTarget(
            name: "transport-echo",
            dependencies: [
                .product(name: "GRPCTransport", package: "roundhouse"),
                .product(name: "GRPCCore", package: "grpc-swift-2"),
            ],
            path: "Sources/TransportEcho",
            swiftSettings: [
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
        )
    ]
)
