import Synchronization

/// The last lines that an engine wrote, for error messages. Bounded, whatever the engine writes.
package final class LogTail: Sendable {
    private static let maximumLines = 64
    private static let maximumBytes = 16 << 10
    private static let maximumLineBytes = 1 << 10

    private struct Ring {
        var lines: [String] = []
        var bytes = 0
        var partial: [UInt8] = []
    }

    private let ring = Mutex(Ring())

    package init() {}

    /// Takes the next piece of output and returns the lines that it completed, cleaned of control characters.
    @discardableResult
    package func append(_ piece: [UInt8]) -> [String] {
        self.ring.withLock { ring in
            var completed: [String] = []
            for byte in piece {
                if byte == UInt8(ascii: "\n") {
                    if let line = Self.endLine(&ring) { completed.append(line) }
                } else if ring.partial.count < Self.maximumLineBytes {
                    ring.partial.append(byte)
                }
            }
            return completed
        }
    }

    /// Takes what stands behind the last line break as a line of its own.
    package func finish() {
        self.ring.withLock { _ = Self.endLine(&$0) }
    }

    /// The lines kept, oldest first: at most 64 of them and 16 KiB.
    package var lines: [String] { self.ring.withLock { $0.lines } }

    /// The last few lines on one line, ready to stand in a sentence; empty when there are none.
    package func quote(lines count: Int = 6) -> String {
        let lines = self.lines.suffix(count)
        return lines.isEmpty ? "" : "; its last lines: \(lines.joined(separator: " | "))"
    }

    private static func endLine(_ ring: inout Ring) -> String? {
        defer { ring.partial.removeAll(keepingCapacity: true) }
        let line = Self.clean(ring.partial)
        guard !line.isEmpty else { return nil }
        ring.lines.append(line)
        ring.bytes += line.utf8.count
        while ring.lines.count > Self.maximumLines || ring.bytes > Self.maximumBytes {
            ring.bytes -= ring.lines.removeFirst().utf8.count
        }
        return line
    }

    /// Without escape sequences and control characters: the text goes into terminals and gRPC status messages.
    private static func clean(_ bytes: [UInt8]) -> String {
        var text = String.UnicodeScalarView()
        var isEscaped = false
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            if isEscaped {
                isEscaped = !scalar.properties.isAlphabetic
            } else if scalar.value == 0x1B {
                isEscaped = true
            } else if scalar.value >= 0x20, scalar.value != 0x7F {
                text.append(scalar)
            } else if scalar == "\t" {
                text.append(" ")
            }
        }
        return String(text)
    }
}
