import FoundationEssentials
package import Inference

/// A process that serves one model, as ``EngineProcess`` starts it.
///
/// It reads ``specification`` as the first line of its standard input, takes the end of that input as the end of its
/// life, and writes one ``EngineAnnouncement`` to its standard output.
package struct EngineCommand: Sendable {
    /// What people call it: `llama.cpp`.
    package var engine: String
    /// Absolute.
    package var executable: String
    package var arguments: [String]
    /// All of it: nothing is inherited, for our environment holds other providers' keys.
    package var environment: [String: String]
    /// One line without its line break.
    package var specification: String
    /// The key that the specification tells.
    package var apiKey: String
    /// How long it may take until it is ready.
    package var startTimeout: Duration
    /// How long it may take to end by itself after SIGTERM, before SIGKILL.
    package var stopGrace: Duration
    /// What it will take in memory.
    package var estimate: MemoryEstimate
    /// The files that it reads its weights from, links resolved, so that the load can be watched.
    package var weightFiles: [String]

    package init(
        engine: String,
        executable: String,
        arguments: [String],
        environment: [String: String] = EngineCommand.environment(),
        specification: String,
        apiKey: String,
        startTimeout: Duration,
        stopGrace: Duration = .seconds(5),
        estimate: MemoryEstimate = MemoryEstimate(),
        weightFiles: [String] = []
    ) {
        self.engine = engine
        self.executable = executable
        self.arguments = arguments
        self.environment = environment
        self.specification = specification
        self.apiKey = apiKey
        self.startTimeout = startTimeout
        self.stopGrace = stopGrace
        self.estimate = estimate
        self.weightFiles = weightFiles
    }

    /// Half a minute to begin with and a minute for each GiB of model: a cold network disk gives 20 MB/s.
    package static func startTimeout(modelBytes: Int64) -> Duration {
        .seconds(30) + .seconds(60) * (Double(max(0, modelBytes)) / Double(1 << 30))
    }

    /// The variables that engines have a use for.
    package static func environment(
        from all: [String: String] = ProcessInfo.processInfo.environment
    ) -> [String: String] {
        let names: Set = ["PATH", "HOME", "USER", "TMPDIR", "TZ", "LANG", "LD_LIBRARY_PATH", "XDG_CACHE_HOME"]
        let prefixes = ["LC_", "OMP_", "GGML_", "CUDA_", "NVIDIA_", "HIP_", "ROCR_", "VK_"]
        return all.filter { name, _ in names.contains(name) || prefixes.contains { name.hasPrefix($0) } }
    }

    /// 256 bits from the system's generator, in hexadecimal.
    package static func makeKey() -> String {
        var generator = SystemRandomNumberGenerator()
        return (0..<4).map { _ in
            let digits = String(generator.next(), radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}

/// The line that a launcher writes once.
struct EngineAnnouncement: Decodable, Sendable {
    enum Event: String, Decodable, Sendable {
        case ready
        case error
    }

    var event: Event
    var port: Int?
    var pid: Int32?
    var contextLength: Int?
    var message: String?

    enum CodingKeys: String, CodingKey {
        case event, port, pid, message
        case contextLength = "context_length"
    }

    /// - Returns: `nil` when `line` is not an announcement.
    init?(line: some Sequence<UInt8>) {
        guard let announcement = try? JSONDecoder().decode(Self.self, from: Data(line)) else { return nil }
        self = announcement
    }
}
