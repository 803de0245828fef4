import FoundationEssentials
import SystemPackage

/// What `/proc` tells of processes (`proc(5)`). Everything here blocks, and is `nil` for a process that is gone or that
/// belongs to someone else.
enum ProcessMemory {
    /// Memory that a process takes, in bytes: its proportional share of what it shares with others, and what was
    /// swapped out.
    ///
    /// The share of shared pages, not all of them: two engines run the same code, and their sum is to be what both take.
    static func bytes(_ processID: Int32) -> Int64? {
        guard let text = Self.read("/proc/\(processID)/smaps_rollup") else {
            return Self.status(processID, "VmRSS:")
        }
        let fields = Self.kibibytes(text, ["Pss:", "SwapPss:"])
        return fields["Pss:"].map { ($0 + (fields["SwapPss:"] ?? 0)) << 10 }
    }

    /// The process and its children, as far as `/proc` tells: a `llama-server` runs below its launcher.
    static func family(_ processID: Int32) -> [Int32] {
        let children = Self.read("/proc/\(processID)/task/\(processID)/children") ?? ""
        return [processID] + children.split(separator: " ").compactMap { Int32($0) }
    }

    /// Bytes of the files at `paths` that are in memory where the process has mapped them; `nil` while it has not.
    static func mappedBytes(_ processID: Int32, _ paths: Set<String>) -> Int64? {
        guard let text = Self.read("/proc/\(processID)/smaps") else { return nil }
        var sum: Int64?
        var isOurs = false
        for line in text.utf8.split(separator: 0x0A) {
            // A mapping's own line begins with its addresses in lower case, those about it with a name.
            if let first = line.first, !(0x41...0x5A).contains(first) {
                isOurs = Self.path(ofMapping: line).map(paths.contains) ?? false
                if isOurs { sum = sum ?? 0 }
            } else if isOurs, line.starts(with: "Rss:".utf8) {
                sum = (sum ?? 0) + (Self.number(line) ?? 0) << 10
            }
        }
        return sum
    }

    /// Bytes that the process has read from files and pipes so far.
    static func readBytes(_ processID: Int32) -> Int64? {
        Self.read("/proc/\(processID)/io").flatMap { text in
            text.utf8.split(separator: 0x0A).first { $0.starts(with: "rchar:".utf8) }.flatMap(Self.number)
        }
    }

    /// Whether the process has one of the files open.
    static func hasOpen(_ processID: Int32, _ paths: Set<String>) -> Bool {
        let folder = "/proc/\(processID)/fd"
        let manager = FileManager.default
        return ((try? manager.contentsOfDirectory(atPath: folder)) ?? []).contains { number in
            (try? manager.destinationOfSymbolicLink(atPath: "\(folder)/\(number)")).map(paths.contains) ?? false
        }
    }

    /// What `/proc/PID/stat` says of a process.
    struct Stat: Sendable, Hashable {
        /// `R`, `S`, `Z` for one that has ended and was not waited for.
        var state: Character
        var group: Int32
        /// In clock ticks since the machine started: with the number, it names a process.
        var startTime: UInt64
    }

    static func stat(_ processID: Int32) -> Stat? {
        // The name in parentheses may hold anything, parentheses too.
        guard let text = Self.read("/proc/\(processID)/stat"), let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 19, let state = fields[0].first, let group = Int32(fields[2]),
            let startTime = UInt64(fields[19])
        else { return nil }
        return Stat(state: state, group: group, startTime: startTime)
    }

    /// All processes that can be seen.
    static func all() -> [Int32] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { Int32($0) }
    }

    /// A number of its own for each start of the machine.
    static func bootID() -> String {
        (Self.read("/proc/sys/kernel/random/boot_id") ?? "").trimmed
    }

    /// Whether the environment that the process was started with holds `entry`: `NAME=value`.
    static func environment(_ processID: Int32, holds entry: String) -> Bool {
        guard let text = Self.read("/proc/\(processID)/environ") else { return false }
        return text.utf8.split(separator: 0).contains { $0.elementsEqual(entry.utf8) }
    }

    // MARK: - Text

    private static func status(_ processID: Int32, _ field: String) -> Int64? {
        Self.read("/proc/\(processID)/status").flatMap { Self.kibibytes($0, [field])[field] }.map { $0 << 10 }
    }

    private static func kibibytes(_ text: String, _ names: [String]) -> [String: Int64] {
        var found: [String: Int64] = [:]
        for line in text.utf8.split(separator: 0x0A) {
            for name in names where line.starts(with: name.utf8) { found[name] = Self.number(line) }
        }
        return found
    }

    /// The first number behind the colon.
    private static func number(_ line: Substring.UTF8View.SubSequence) -> Int64? {
        let digits = line.drop { $0 != 0x3A }.drop { !(0x30...0x39).contains($0) }.prefix { (0x30...0x39).contains($0) }
        return Int64(String(Substring(digits)))
    }

    /// `7f00-7f01 r--s 00000000 fe:00 1234    /models/a b.gguf`: what stands behind five fields.
    private static func path(ofMapping line: Substring.UTF8View.SubSequence) -> String? {
        var rest = line
        for _ in 0..<5 { rest = rest.drop { $0 != 0x20 }.drop { $0 == 0x20 } }
        return rest.isEmpty ? nil : String(Substring(rest))
    }

    /// A file of `/proc`, whose size is not known before it has been read.
    static func read(_ path: String) -> String? {
        guard let file = try? FileDescriptor.open(FilePath(path), .readOnly, options: [.closeOnExec]) else {
            return nil
        }
        defer { try? file.close() }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            guard let count = unsafe try? piece.withUnsafeMutableBytes({ buffer in unsafe try file.read(into: buffer) })
            else { return nil }
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes += piece[..<count]
        }
    }
}

extension String {
    /// Without white space at its ends.
    var trimmed: String {
        let isSpace = { (character: Character) in character.isWhitespace }
        guard let first = self.firstIndex(where: { !isSpace($0) }), let last = self.lastIndex(where: { !isSpace($0) })
        else { return "" }
        return String(self[first...last])
    }
}
