internal import FoundationEssentials
internal import Glibc
public import Logging

/// Writes logs to standard error, a line a message: for people (`text`) or for machines (`json`).
///
/// Messages are constant sentences; what changes is metadata, so that machines can count and filter.
public struct LogOutput: LogHandler {
    private let label: String
    private let format: RoundhouseConfiguration.Log.Format
    private let write: @Sendable (String) -> Void
    public var logLevel: Logger.Level
    public var metadata: Logger.Metadata = [:]
    public var metadataProvider: Logger.MetadataProvider?

    /// - Parameter write: takes a whole line without its end; standard error by default.
    public init(
        label: String,
        log: RoundhouseConfiguration.Log,
        write: @escaping @Sendable (String) -> Void = LogOutput.standardError
    ) {
        self.label = label
        self.format = log.format
        self.logLevel = Logger.Level(rawValue: log.level.rawValue) ?? .info
        self.write = write
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var metadata = self.metadata
        if let provided = self.metadataProvider?.get() { metadata.merge(provided) { $1 } }
        if let own = event.metadata { metadata.merge(own) { $1 } }
        let pairs = metadata.sorted { $0.key < $1.key }.map { ($0.key, $0.value.description) }
        let time = Date().formatted(.iso8601.year().month().day().time(includingFractionalSeconds: true))
        switch self.format {
        case .text:
            let shown = pairs.map { " \($0)=\(Self.quotedIfNeeded($1))" }.joined()
            let level = event.level.rawValue.uppercased()
            let padding = String(repeating: " ", count: max(0, 8 - level.count))
            self.write("\(time)Z \(level)\(padding) \(event.message)\(shown)")
        case .json:
            let fields =
                [
                    ("time", "\(time)Z"), ("level", event.level.rawValue), ("logger", self.label),
                    ("message", event.message.description),
                ] + pairs
            self.write("{" + fields.map { "\(Self.json($0)):\(Self.json($1))" }.joined(separator: ",") + "}")
        }
    }

    /// One write for the whole line, so that lines of several threads do not mix.
    @Sendable public static func standardError(_ line: String) {
        var bytes = Array(line.utf8)
        bytes.append(UInt8(ascii: "\n"))
        unsafe bytes.withUnsafeBytes { buffer in _ = unsafe Glibc.write(STDERR_FILENO, buffer.baseAddress, buffer.count)
        }
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
