internal import FoundationEssentials
public import Logging

/// Writes logs to standard error, a line a message: for people (`text`) or for machines (`json`).
///
/// Messages are constant sentences; what changes is metadata, so that machines can count and filter.
public struct LogOutput: LogHandler {
    private let label: String
    private let format: RoundhouseConfiguration.Log.Format
    private let write: @Sendable (String) -> Void
    private let threshold: LogThreshold
    /// What somebody set for this logger alone.
    private var chosen: Logger.Level?
    public var metadata: Logger.Metadata = [:]
    /// Unless told otherwise, lines of a call that belongs to a trace say which.
    public var metadataProvider: Logger.MetadataProvider? = CallTracing.logMetadata

    /// - Parameter write: takes a whole line without its end; standard error by default.
    public init(
        label: String,
        log: RoundhouseConfiguration.Log,
        write: @escaping @Sendable (String) -> Void = LogOutput.standardError
    ) {
        self.init(label: label, log: log, threshold: LogThreshold(log.level), write: write)
    }

    /// - Parameter threshold: may be shared, and moved while the loggers are in use.
    package init(
        label: String,
        log: RoundhouseConfiguration.Log,
        threshold: LogThreshold,
        write: @escaping @Sendable (String) -> Void = LogOutput.standardError
    ) {
        self.label = label
        self.format = log.format
        self.threshold = threshold
        self.write = write
    }

    public var logLevel: Logger.Level {
        get { self.chosen ?? self.threshold.level }
        set { self.chosen = newValue }
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var metadata = self.metadata
        if let provided = self.metadataProvider?.get() { metadata.merge(provided) { $1 } }
        if let own = event.metadata { metadata.merge(own) { $1 } }
        let lost = LogPipe.standardError.takeLost()
        if lost > 0 {
            self.write(
                self.line(.warning, "Lines of the log were lost: standard error was not read", [("lost", "\(lost)")]))
        }
        let pairs = metadata.sorted { $0.key < $1.key }.map { ($0.key, $0.value.description) }
        self.write(self.line(event.level, event.message.description, pairs))
    }

    private func line(_ level: Logger.Level, _ message: String, _ pairs: [(String, String)]) -> String {
        let time = Date().formatted(.iso8601.year().month().day().time(includingFractionalSeconds: true))
        switch self.format {
        case .text:
            let shown = pairs.map { " \($0)=\(Self.quotedIfNeeded($1))" }.joined()
            let name = level.rawValue.uppercased()
            let padding = String(repeating: " ", count: max(0, 8 - name.count))
            return "\(time)Z \(name)\(padding) \(message)\(shown)"
        case .json:
            let fields =
                [
                    ("time", "\(time)Z"), ("level", level.rawValue), ("logger", self.label), ("message", message),
                ] + pairs
            return "{" + fields.map { "\(Self.json($0)):\(Self.json($1))" }.joined(separator: ",") + "}"
        }
    }

    /// One write for the whole line, so that lines of several threads do not mix. It waits for nobody: when standard error
    /// is not read, lines wait in memory, and at last are lost and counted.
    @Sendable public static func standardError(_ line: String) {
        LogPipe.standardError.write(line)
    }

    /// Has what waits for a reader written before the process ends, within that time.
    public static func flush(within limit: Duration = .seconds(1)) {
        LogPipe.standardError.flush(within: limit)
    }

    private static func quotedIfNeeded(_ text: String) -> String {
        let isPlain = !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x22 && $0 != 0x7F && $0 != 0x3D }
        return isPlain ? text : self.json(text)
    }

    static func json(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                let hex = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
