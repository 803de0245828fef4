internal import FoundationEssentials
internal import SwiftProtobuf

/// Numbers as people read them.
enum Figures {
    /// `1234.5` as "1234.5" with one digit. `digits` is 0 to 3.
    static func fixed(_ value: Double, digits: Int) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
        let scale = [1, 10, 100, 1000][min(max(digits, 0), 3)]
        let scaled = Int64((abs(value) * Double(scale)).rounded())
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard digits > 0 else { return "\(sign)\(scaled)" }
        let fraction = String(scaled % Int64(scale))
        let zeros = String(repeating: "0", count: max(0, digits - fraction.count))
        return "\(sign)\(scaled / Int64(scale)).\(zeros)\(fraction)"
    }

    /// "85 ms", "1.24 s", "3 min 5 s", "2 h 14 min", "12 d 3 h".
    static func duration(_ duration: Duration) -> String {
        let seconds = duration.inSeconds
        if seconds < 1 { return "\(Self.fixed(seconds * 1000, digits: 0)) ms" }
        if seconds < 60 { return "\(Self.fixed(seconds, digits: 2)) s" }
        let whole = Int(min(seconds, 1e15))
        switch whole {
        case ..<3600: return "\(whole / 60) min \(whole % 60) s"
        case ..<86400: return "\(whole / 3600) h \(whole / 60 % 60) min"
        default: return "\(whole / 86400) d \(whole / 3600 % 24) h"
        }
    }

    /// "0 s", "12 s", "3 min 5 s": for what is a guess, where hundredths would claim too much.
    static func wholeSeconds(_ duration: Duration) -> String {
        let seconds = duration.inSeconds.rounded(.up)
        return seconds < 60 ? "\(Int(max(0, seconds))) s" : Self.duration(.seconds(seconds))
    }

    /// "512 B", "1.2 KiB", "340.0 MiB".
    static func bytes(_ count: Int64) -> String {
        guard count >= 1024 else { return "\(count) B" }
        var value = Double(count) / 1024
        for unit in ["KiB", "MiB", "GiB"] {
            if value < 1024 { return "\(Self.fixed(value, digits: 1)) \(unit)" }
            value /= 1024
        }
        return "\(Self.fixed(value, digits: 1)) TiB"
    }

    /// "1 token", "2 tokens".
    static func count(_ count: Int64, _ noun: String) -> String {
        "\(count) \(noun)\(count == 1 ? "" : "s")"
    }

    /// "2 models", or "no models".
    static func some(_ count: Int, _ noun: String) -> String {
        count == 0 ? "no \(noun)s" : Self.count(Int64(count), noun)
    }

    /// A part of one: "98.5 %".
    static func percent(_ fraction: Double) -> String {
        "\(Self.fixed(fraction * 100, digits: 1)) %"
    }

    /// "2026-11-21 06:15:03 UTC".
    static func time(_ timestamp: Google_Protobuf_Timestamp) -> String {
        let date = Date(timeIntervalSince1970: Double(timestamp.seconds))
        let iso = date.formatted(.iso8601.dateTimeSeparator(.space))
        return iso.hasSuffix("Z") ? "\(iso.dropLast()) UTC" : iso
    }

    /// "2026-11-21T06:15:03.042Z": one word, for lines that are cut into words and sorted.
    static func preciseTime(_ timestamp: Google_Protobuf_Timestamp) -> String {
        let date = Date(timeIntervalSince1970: Double(timestamp.seconds))
        let iso = date.formatted(.iso8601)
        let digits = String(timestamp.nanos / 1_000_000)
        let fraction = String(repeating: "0", count: max(0, 3 - digits.count)) + digits
        return iso.hasSuffix("Z") ? "\(iso.dropLast()).\(fraction)Z" : iso
    }
}

extension Duration {
    var inSeconds: Double {
        Double(self.components.seconds) + Double(self.components.attoseconds) / 1e18
    }

    init(_ message: Google_Protobuf_Duration) {
        self = .seconds(message.seconds) + .nanoseconds(Int64(message.nanos))
    }
}
