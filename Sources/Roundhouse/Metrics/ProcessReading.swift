internal import FoundationEssentials
internal import Glibc

/// What the kernel knows of this process.
struct ProcessReading: Sendable, Equatable {
    var cpuSeconds = 0.0
    var residentBytes = 0
    var virtualBytes = 0
    var openFiles = 0
    /// `nil` without a limit.
    var mostFiles: Int?
    /// Since 1970-01-01 UTC; `nil` when the kernel does not say when it started itself.
    var startSeconds: Double?
}

/// Reads `/proc`. Takes some 50 µs, and more with thousands of open files.
struct ProcessReader: Sendable {
    private let ticksPerSecond = Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
    private let pageSize = max(1, sysconf(Int32(_SC_PAGESIZE)))
    /// When the kernel started; read once, since the file has a line for each processor.
    private let bootSeconds = ProcessReader.text("/proc/stat").flatMap(ProcessReader.bootSeconds)

    /// - Returns: `nil` when there is no `/proc`.
    func read() -> ProcessReading? {
        guard let text = Self.text("/proc/self/stat"), let fields = StatFields(text) else { return nil }
        var reading = ProcessReading()
        reading.cpuSeconds = Self.cpuSeconds() ?? Double(fields.cpuTicks) / self.ticksPerSecond
        reading.residentBytes = fields.residentPages * self.pageSize
        reading.virtualBytes = fields.virtualBytes
        // Reading the folder opens one.
        let files = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd"))?.count ?? 0
        reading.openFiles = max(0, files - 1)
        reading.mostFiles = Self.mostFiles()
        reading.startSeconds = self.bootSeconds.map { $0 + Double(fields.startTicks) / self.ticksPerSecond }
        return reading
    }

    /// The line that `/proc/PID/stat` has, proc_pid_stat(5).
    struct StatFields: Hashable {
        var cpuTicks: Int
        var startTicks: Int
        var virtualBytes: Int
        var residentPages: Int

        init?(_ text: String) {
            // The second field is the program's name in parentheses, which may have spaces and parentheses itself.
            guard let end = text.lastIndex(of: ")") else { return nil }
            let fields = text[text.index(after: end)...].split(separator: " ").map { Int($0) }
            // The first of these is the third field of the line.
            guard fields.count >= 22, let user = fields[11], let system = fields[12], let start = fields[19],
                let size = fields[20], let pages = fields[21]
            else { return nil }
            (self.cpuTicks, self.startTicks, self.virtualBytes, self.residentPages) = (
                user + system, start, size, pages
            )
        }
    }

    /// Of `/proc/stat`.
    static func bootSeconds(_ text: String) -> Double? {
        text.split(separator: "\n").first { $0.hasPrefix("btime ") }.flatMap { Double($0.dropFirst(6)) }
    }

    /// To the microsecond, where `/proc` has hundredths.
    private static func cpuSeconds() -> Double? {
        // POSIX has it count a million for each second, whatever the clock.
        let microseconds = clock()
        return microseconds < 0 ? nil : Double(microseconds) / 1e6
    }

    private static func mostFiles() -> Int? {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return nil }
        return limit.rlim_cur == .max ? nil : Int(clamping: limit.rlim_cur)
    }

    private static func text(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }
}
