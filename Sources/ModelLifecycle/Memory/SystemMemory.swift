/// Main memory as `/proc/meminfo` tells it, in bytes. Pure.
struct SystemMemory: Sendable, Hashable {
    var totalBytes: Int64
    /// What can be taken without swapping.
    var availableBytes: Int64

    init(totalBytes: Int64, availableBytes: Int64) {
        self.totalBytes = totalBytes
        self.availableBytes = availableBytes
    }

    /// - Parameter meminfo: The text of `/proc/meminfo`.
    /// - Returns: `nil` when it does not tell.
    init?(meminfo: String) {
        let figures = KilobyteTable(meminfo)
        guard let total = figures["MemTotal"] else { return nil }
        // MemAvailable is missing before Linux 3.14 and in some sandboxes.
        let available =
            figures["MemAvailable"]
            ?? (figures["MemFree"] ?? 0) + (figures["Buffers"] ?? 0) + (figures["Cached"] ?? 0)
        self.init(totalBytes: total, availableBytes: min(total, available))
    }
}

/// Lines such as `MemTotal:  2048 kB` of the files in `/proc`.
struct KilobyteTable {
    private var bytes: [Substring: Int64] = [:]

    init(_ text: String) {
        for line in text.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let words = line[line.index(after: colon)...].split(separator: " ")
            guard words.count == 2, words[1] == "kB", let kilobytes = Int64(words[0]), kilobytes >= 0 else { continue }
            let (bytes, overflow) = kilobytes.multipliedReportingOverflow(by: 1024)
            if !overflow { self.bytes[line[..<colon]] = bytes }
        }
    }

    subscript(name: Substring) -> Int64? { self.bytes[name] }
}
