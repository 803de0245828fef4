internal import FoundationEssentials
internal import GRPCTransport
internal import Glibc
internal import Providers

/// The libraries that this process runs on, as they tell themselves.
enum LinkedLibraries {
    /// - Parameter swiftProtobuf: The version of the runtime of generated messages, which stay where they are.
    static func all(swiftProtobuf: String) -> [LinkedLibrary] {
        // The files do not change while the process runs.
        let maps = (try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8)) ?? ""
        return Self.all(
            swiftProtobuf: swiftProtobuf, grpc: GRPCLibrary.version, simdjson: SimdJSONLibrary.version,
            sqlite: Self.sqliteVersion, maps: maps)
    }

    /// - Parameter maps: `/proc/self/maps`.
    static func all(
        swiftProtobuf: String, grpc: String, simdjson: String, sqlite: String, maps: String
    ) -> [LinkedLibrary] {
        func path(_ file: String) -> String { Self.path(of: file, in: maps) }
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

    /// The first mapped file whose name begins so; empty when there is none.
    static func path(of file: String, in maps: String) -> String {
        for line in maps.split(separator: "\n") {
            // Address, permissions, offset, device, inode, path.
            let fields = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
            guard fields.count == 6 else { continue }
            let path = fields[5].drop(while: { $0 == " " })
            if path.split(separator: "/").last?.hasPrefix(file) == true { return String(path) }
        }
        return ""
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
