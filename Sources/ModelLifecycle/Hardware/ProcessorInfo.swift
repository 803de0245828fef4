/// What `/proc` says of the processor. Pure.
enum ProcessorInfo {
    #if arch(x86_64)
    static let architecture = "x86_64"
    #elseif arch(arm64)
    static let architecture = "aarch64"
    #else
    static let architecture = ""
    #endif

    /// Flags of `/proc/cpuinfo` that engines make use of, and what people call them, the plainest first.
    private static let features = [
        ("avx2", "avx2"), ("fma", "fma"), ("f16c", "f16c"), ("avx_vnni", "avx_vnni"), ("avx512f", "avx512f"),
        ("avx512_vnni", "avx512_vnni"), ("avx512_bf16", "avx512_bf16"), ("amx_tile", "amx_tile"),
        ("amx_int8", "amx_int8"), ("amx_bf16", "amx_bf16"),
        // ARM's own names for its vector unit and the dot products on it.
        ("asimd", "neon"), ("asimddp", "dotprod"), ("i8mm", "i8mm"), ("bf16", "bf16"), ("sve", "sve"), ("sve2", "sve2"),
    ]

    /// Names of ARM's cores, which do not name themselves, by implementer and part.
    private static let armCores = [
        "0x41/0xd03": "ARM Cortex-A53", "0x41/0xd08": "ARM Cortex-A72", "0x41/0xd0b": "ARM Cortex-A76",
        "0x41/0xd0c": "ARM Neoverse N1", "0x41/0xd40": "ARM Neoverse V1", "0x41/0xd49": "ARM Neoverse N2",
        "0x41/0xd4f": "ARM Neoverse V2", "0x41/0xd8e": "ARM Neoverse N3", "0x41/0xd84": "ARM Neoverse V3",
        "0xc0/0xac3": "Ampere-1", "0xc0/0xac4": "Ampere-1a",
    ]

    /// - Parameters:
    ///   - cpuinfo: The text of `/proc/cpuinfo`.
    ///   - status: The text of `/proc/self/status`, which says where we may run.
    static func read(cpuinfo: String, status: String, architecture: String) -> ProcessorReading {
        let blocks = cpuinfo.split(separator: "\n", omittingEmptySubsequences: false)
            .split { $0.allSatisfy(\.isWhitespace) }
            .map { Self.fields($0) }
            .filter { $0["processor"] != nil }
        let flags = Set((blocks.first?["flags"] ?? blocks.first?["Features"] ?? "").split(separator: " "))
        let allowed = Self.field("Cpus_allowed_list", of: status).map(Self.count)
        return ProcessorReading(
            name: Self.name(blocks.first ?? [:]),
            architecture: architecture,
            logicalCores: allowed ?? blocks.count,
            physicalCores: Self.physicalCores(blocks),
            features: Self.features.filter { flags.contains(Substring($0.0)) }.map(\.1)
        )
    }

    private static func name(_ block: [Substring: Substring]) -> String {
        if let name = block["model name"], !name.isEmpty {
            return name.split(separator: " ").joined(separator: " ")
        }
        guard let implementer = block["CPU implementer"], let part = block["CPU part"] else { return "" }
        return Self.armCores["\(implementer)/\(part)"] ?? "ARM implementer \(implementer), part \(part)"
    }

    /// Each core is told once for each of its threads.
    private static func physicalCores(_ blocks: [[Substring: Substring]]) -> Int? {
        let cores = Set(
            blocks.compactMap { block in
                block["core id"].map { "\(block["physical id"] ?? "0")/\($0)" }
            })
        return cores.isEmpty ? nil : cores.count
    }

    /// Lines such as `model name	: Intel(R) Xeon(R)`.
    private static func fields(_ lines: some Sequence<Substring>) -> [Substring: Substring] {
        var fields: [Substring: Substring] = [:]
        for line in lines {
            guard let colon = line.firstIndex(of: ":") else { continue }
            fields[Self.trimmed(line[..<colon])] = Self.trimmed(line[line.index(after: colon)...])
        }
        return fields
    }

    private static func field(_ name: String, of text: String) -> Substring? {
        text.split(separator: "\n").first { $0.hasPrefix("\(name):") }.map {
            Self.trimmed($0.dropFirst(name.count + 1))
        }
    }

    /// The length of a list such as `0-3,8,10-11`.
    private static func count(_ list: Substring) -> Int {
        list.split(separator: ",").reduce(0) { sum, range in
            let ends = range.split(separator: "-").compactMap { Int($0) }
            guard let first = ends.first, let last = ends.last, last >= first, last < 1 << 20 else { return sum }
            return sum + last - first + 1
        }
    }

    private static func trimmed(_ text: Substring) -> Substring {
        let head = text.drop(while: \.isWhitespace)
        guard let last = head.lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return head[...last]
    }
}
