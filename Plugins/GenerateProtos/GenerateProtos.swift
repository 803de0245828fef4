import Foundation
import PackagePlugin

/// `swift package --allow-writing-to-package-directory generate-protos`
///
/// Runs Debian's `protoc` over `proto/` and writes what the package compiles:
///
/// - `Sources/RoundhouseAPI/Generated/*.pb.swift`: messages, by swift-protobuf's generator;
/// - `Sources/RoundhouseAPI/Generated/*.grpc.swift`: clients and services, by grpc-swift's generator;
/// - `Sources/CDescriptors/roundhouse.binpb`: the descriptor set of all of `proto/`, imports and comments included,
///   which server reflection answers from.
///
/// The output is committed, so building the package needs no `protoc`. It is the same for the same input: files are
/// sorted, nothing carries a date, and `scripts/check` fails when it differs from what is committed.
@main
struct GenerateProtos: CommandPlugin {
    func performCommand(context: PluginContext, arguments: [String]) async throws {
        guard arguments.isEmpty else {
            throw Failure("generate-protos takes no arguments, but got: \(arguments.joined(separator: " "))")
        }
        let package = context.package.directoryURL
        let protos = package.appending(path: "proto")
        let files = try protoFiles(under: protos)
        let compiled = files.filter { Self.compiledPrefixes.contains(where: $0.hasPrefix) }
        guard !compiled.isEmpty else {
            throw Failure("\(protos.path) holds no .proto file of ours; run the command in the package's directory")
        }

        let work = context.pluginWorkDirectoryURL.appending(path: "generated")
        try? FileManager.default.removeItem(at: work)
        try FileManager.default.createDirectory(at: work, withIntermediateDirectories: true)
        let descriptorSet = context.pluginWorkDirectoryURL.appending(path: "roundhouse.binpb")

        let protoc = try findOnPath("protoc")
        try run(
            protoc,
            ["--proto_path=\(protos.path)"]
                + pluginArguments(name: "swift", tool: try context.tool(named: "protoc-gen-swift"), output: work)
                + pluginArguments(
                    name: "grpc-swift-2", tool: try context.tool(named: "protoc-gen-grpc-swift-2"), output: work)
                + compiled
        )
        try run(
            protoc,
            [
                "--proto_path=\(protos.path)", "--include_imports", "--include_source_info",
                "--descriptor_set_out=\(descriptorSet.path)",
            ] + files
        )

        try markUnsafeExpressions(in: work)

        let sources = package.appending(path: "Sources")
        let written =
            try replaceContents(of: sources.appending(path: "RoundhouseAPI/Generated"), with: work)
            + replace(sources.appending(path: "CDescriptors/roundhouse.binpb"), with: descriptorSet)
        print("generate-protos: \(compiled.count) of \(files.count) protos compiled, \(written) files changed")
    }

    /// The protos that become Swift. The rest is only described: `google.api` are annotations that nothing reads at
    /// run time, `google.rpc` has its types in GRPCProtobuf, and reflection's v1alpha is v1 under another name.
    private static let compiledPrefixes = ["roundhouse/", "grpc/health/", "grpc/reflection/v1/"]

    /// One output directory has no room for the two `health.proto`s that full paths would be needed to tell apart, so
    /// a file's path becomes part of its name.
    private static let generatorOptions =
        "Visibility=Public,UseAccessLevelOnImports=true,FileNaming=PathToUnderscores"

    private func pluginArguments(name: String, tool: PluginContext.Tool, output: URL) -> [String] {
        [
            "--plugin=protoc-gen-\(name)=\(tool.url.path)",
            "--\(name)_opt=\(Self.generatorOptions)",
            "--\(name)_out=\(output.path)",
        ]
    }
}

/// What went wrong and what to do about it, in one line.
struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// The paths of all protos, relative to `root`, sorted.
private func protoFiles(under root: URL) throws -> [String] {
    guard let found = FileManager.default.enumerator(atPath: root.path) else {
        throw Failure("\(root.path) cannot be read")
    }
    return found.compactMap { $0 as? String }.filter { $0.hasSuffix(".proto") }.sorted()
}

/// The package compiles with strict memory safety, which swift-protobuf's generator does not know: it leaves one
/// expression of large messages (the shared default instance, which is never written) unmarked.
private func markUnsafeExpressions(in directory: URL) throws {
    for name in try FileManager.default.contentsOfDirectory(atPath: directory.path) where name.hasSuffix(".pb.swift") {
        let file = directory.appending(path: name)
        let text = try String(contentsOf: file, encoding: .utf8)
        let marked = text.replacingOccurrences(
            of: "= _StorageClass.defaultInstance", with: "= unsafe _StorageClass.defaultInstance")
        if marked != text { try marked.write(to: file, atomically: true, encoding: .utf8) }
    }
}

private func findOnPath(_ name: String) throws -> URL {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"
    for directory in path.split(separator: ":") {
        let candidate = URL(filePath: String(directory)).appending(path: name)
        if FileManager.default.isExecutableFile(atPath: candidate.path) { return candidate }
    }
    throw Failure(
        "\(name) is not on the PATH. Install it, and the google/protobuf protos it needs: "
            + "apt-get install protobuf-compiler libprotobuf-dev"
    )
}

/// Runs a tool with our own standard output and error, so that `protoc`'s messages reach the user as they are.
private func run(_ tool: URL, _ arguments: [String]) throws {
    let process = Process()
    process.executableURL = tool
    process.arguments = arguments
    try process.run()
    process.waitUntilExit()
    guard process.terminationReason == .exit, process.terminationStatus == 0 else {
        throw Failure("\(tool.lastPathComponent) failed (status \(process.terminationStatus)); its messages are above")
    }
}

/// Makes `directory` hold exactly the files of `source`, leaving equal ones untouched so that nothing is recompiled
/// for nothing. Returns how many files were written or removed.
private func replaceContents(of directory: URL, with source: URL) throws -> Int {
    let manager = FileManager.default
    try manager.createDirectory(at: directory, withIntermediateDirectories: true)
    let wanted = try manager.contentsOfDirectory(atPath: source.path).sorted()
    let stale = Set(try manager.contentsOfDirectory(atPath: directory.path)).subtracting(wanted)
    for name in stale.sorted() {
        try manager.removeItem(at: directory.appending(path: name))
    }
    return try wanted.reduce(stale.count) { count, name in
        try count + replace(directory.appending(path: name), with: source.appending(path: name))
    }
}

/// Copies `source` over `file` unless both are equal. Returns 1 when it did.
private func replace(_ file: URL, with source: URL) throws -> Int {
    let new = try Data(contentsOf: source)
    if let old = try? Data(contentsOf: file), old == new { return 0 }
    try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try new.write(to: file, options: .atomic)
    return 1
}
