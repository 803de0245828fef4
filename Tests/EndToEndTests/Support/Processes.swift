import FoundationEssentials
import Glibc
import Testing

/// What `/proc` tells.
enum Processes {
    /// The most memory that was ever resident, in bytes.
    static func peakMemory(of pid: pid_t) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
        let kibibytes = try #require(line.split(separator: " ").dropFirst().first.flatMap { Int($0) }, "\(line)")
        return kibibytes << 10
    }

    /// How many descriptors it has.
    static func openFiles(of pid: pid_t) throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count
    }

    /// Engines that the server `pid` has started: its process id is an argument of theirs. Zombies are not among them.
    static func engines(of pid: pid_t) -> [pid_t] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { pid_t($0) }.filter { process in
            guard let bytes = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") else { return false }
            let arguments = bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            return arguments.contains { $0.contains("launch_engine") } && arguments.contains("\(pid)")
        }
    }

    /// Waits for the last engine of `pid` to end. They end before a server that ends well, and with one that is killed,
    /// which takes the kernel a moment.
    static func expectNoEngine(of pid: pid_t, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let isGone = try await self.until(within: .seconds(10)) { self.engines(of: pid).isEmpty }
        #expect(isGone, "engines are left behind", sourceLocation: sourceLocation)
    }

    /// Looks again and again for what sends no signal.
    ///
    /// - Returns: Whether it came about in time.
    static func until(
        within limit: Duration,
        _ isSo: () async throws -> Bool
    ) async throws -> Bool {
        let deadline = ContinuousClock.now + limit
        while try await !isSo() {
            guard ContinuousClock.now < deadline else { return false }
            try await Task.sleep(for: .milliseconds(5))
        }
        return true
    }
}
