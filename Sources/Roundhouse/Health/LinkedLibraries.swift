internal import GRPCTransport
internal import Glibc
internal import Providers

/// The libraries that this process runs on, as they tell themselves.
enum LinkedLibraries {
    /// - Parameter swiftProtobuf: The version of the runtime of generated messages, which stay where they are.
    static func all(swiftProtobuf: String) -> [LinkedLibrary] {
        Self.all(
            swiftProtobuf: swiftProtobuf, grpc: GRPCLibrary.version, simdjson: SimdJSONLibrary.version,
            sqlite: Self.sqliteVersion, files: Self.loadedFiles())
    }

    /// - Parameter files: of the libraries that are loaded.
    static func all(
        swiftProtobuf: String, grpc: String, simdjson: String, sqlite: String, files: [String]
    ) -> [LinkedLibrary] {
        func path(_ name: String) -> String {
            files.first { $0.split(separator: "/").last?.hasPrefix(name) == true } ?? ""
        }
        var libraries = [
            LinkedLibrary(
                name: "grpc++", version: grpc, path: path("libgrpc++.so"), minimumVersion: "1.51",
                package: "libgrpc++1.51"),
            LinkedLibrary(
                // 3.37 brought STRICT tables.
                name: "sqlite", version: sqlite, path: path("libsqlite3.so"), minimumVersion: "3.37",
                package: "libsqlite3-0"),
            LinkedLibrary(
                name: "simdjson", version: simdjson, path: path("libsimdjson.so"), minimumVersion: "3.0",
                package: "libsimdjson14"),
            LinkedLibrary(name: "swift-protobuf", version: swiftProtobuf),
        ]
        // Only some builds of libgrpc++ bring the C++ one with them.
        let protobuf = path("libprotobuf.so")
        if !protobuf.isEmpty {
            libraries.append(LinkedLibrary(name: "protobuf", version: Self.version(inName: protobuf), path: protobuf))
        }
        return libraries
    }

    /// Of every library of this process, links resolved.
    private static func loadedFiles() -> [String] {
        var files: [String] = []
        for line in Self.contents(of: "/proc/self/maps").split(separator: UInt8(ascii: "\n")) {
            guard let slash = line.firstIndex(of: UInt8(ascii: "/")) else { continue }
            let path = String(decoding: line[slash...], as: UTF8.self)
            // A library is mapped in pieces that follow each other.
            if files.last != path { files.append(path) }
        }
        return files
    }

    /// Files in `/proc` say that their length is 0, so this reads to the end.
    private static func contents(of path: String) -> [UInt8] {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return [] }
        defer { close(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe read(file, $0.baseAddress, $0.count) }
            guard count > 0 else { return bytes }
            bytes += chunk[..<count]
        }
    }

    /// `32.0.12` of `/usr/lib/libprotobuf.so.32.0.12`.
    private static func version(inName path: String) -> String {
        let marker = ".so."
        guard let range = path.firstRange(of: marker) else { return "" }
        return String(path[range.upperBound...])
    }

    /// Asked of the loaded library itself: the one that is there at run time is what matters, and the room that speaks to
    /// it has no word for its version. Empty when it is not loaded.
    private static var sqliteVersion: String {
        typealias Function = @convention(c) () -> UnsafePointer<CChar>?
        guard let symbol = unsafe dlsym(nil, "sqlite3_libversion") else { return "" }
        let function = unsafe unsafeBitCast(symbol, to: Function.self)
        guard let text = unsafe function() else { return "" }
        return unsafe String(cString: text)
    }
}
