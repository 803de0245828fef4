internal import RoundhouseAPI
internal import SwiftProtobuf

/// Requests as a table that grows by one line at a time: its widths are known before its rows.
///
/// Under a title and the day. On a terminal a line has 80 columns, or more where there are more; elsewhere nothing is cut.
struct RequestLines: Sendable {
    private struct Column: Sendable {
        var title: String
        var width: Int
        var isRight = false
    }

    private let traits: TerminalTraits
    private let columns: [Column]
    /// The day of the last line.
    private var day: String?

    init(for traits: TerminalTraits) {
        self.traits = traits
        // What is more than 80 columns goes to what is cut first.
        let spare = traits.columns.map { max(0, $0 - 80) }
        let model = 13 + (spare.map { min($0 * 2 / 3, 30) } ?? 19)
        let status = 8 + (spare.map { min($0 / 3, 11) } ?? 9)
        self.columns = [
            Column(title: "TIME", width: 8), Column(title: "ID", width: traits.columns == nil ? 36 : 8),
            Column(title: "MODEL", width: model), Column(title: "STATUS", width: status),
            Column(title: "LATENCY", width: 7, isRight: true), Column(title: "FIRST", width: 6, isRight: true),
            Column(title: "IN/OUT", width: 9, isRight: true), Column(title: "COST", width: 9, isRight: true),
            Column(title: "TRY", width: 3, isRight: true),
        ]
    }

    /// The line of a request; before it the title, when it is the first, and its day, when that is another one.
    mutating func text(of request: Roundhouse_V1_RequestRecord) -> String {
        let time = Figures.preciseTime(request.startTime)
        let day = String(time.prefix(10))
        var text = ""
        if self.day == nil { text += self.traits.dim(self.line(self.columns.map(\.title))) + "\n" }
        if self.day != day { text += self.traits.dim("\(day) UTC") + "\n" }
        self.day = day
        let usage = request.usage
        return text
            + self.line([
                String(time.dropFirst(11).prefix(8)), self.id(request.id),
                request.model.isEmpty ? request.requestedModel : request.model, request.status,
                Self.duration(Duration(request.latency)),
                request.hasFirstTokenLatency ? Self.duration(Duration(request.firstTokenLatency)) : "-",
                request.hasUsage ? "\(Self.count(usage.inputTokens))/\(Self.count(usage.outputTokens))" : "-",
                request.hasCost ? Self.cost(request.cost.nanoUsd) : "-", "\(request.attempts.count)",
            ]) + "\n"
    }

    private func line(_ cells: [String]) -> String {
        var line = ""
        for (column, cell) in zip(self.columns, cells) {
            let text = TerminalText.singleLine(cell)
            let cut = self.traits.columns == nil ? text : TerminalText.shortened(text, to: column.width)
            let padding = String(repeating: " ", count: max(0, column.width - TerminalText.width(cut)))
            line += (line.isEmpty ? "" : " ") + (column.isRight ? padding + cut : cut + padding)
        }
        return line
    }

    /// Enough of an id to tell it from others: a random UUID's beginning, else the end, where clients count. A UUID of
    /// version 7 begins with its time.
    private func id(_ id: String) -> String {
        guard self.traits.columns != nil, id.count > 8 else { return id }
        let isRandom =
            id.utf8.count == 36 && id.utf8.enumerated().allSatisfy { ($1 == 0x2D) == [8, 13, 18, 23].contains($0) }
            && id.utf8.dropFirst(14).first != UInt8(ascii: "7")
        return isRandom ? String(id.prefix(8)) : "…\(id.suffix(7))"
    }

    /// At most six characters: "85ms", "1.24s", "3m05s", "2h14m".
    static func duration(_ duration: Duration) -> String {
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let seconds = duration.inSeconds
        if seconds < 0.9995 { return "\(Figures.fixed(seconds * 1000, digits: 0))ms" }
        if seconds < 59.995 { return "\(Figures.fixed(seconds, digits: 2))s" }
        let whole = Int(min(seconds.rounded(), 359_999))
        return whole < 3600
            ? "\(whole / 60)m\(two(whole % 60))s" : "\(whole / 3600)h\(two(whole / 60 % 60))m"
    }

    /// At most four characters up to a billion: "9999", "12k", "340k", "1.2M", "120M".
    static func count(_ count: Int64) -> String {
        switch count {
        case ..<10_000: return "\(count)"
        case ..<999_500: return "\((count + 500) / 1000)k"
        case ..<9_950_000: return "\(Figures.fixed(Double(count) / 1e6, digits: 1))M"
        default: return "\((count + 500_000) / 1_000_000)M"
        }
    }

    /// USD, at most nine characters up to a thousand: "$0.000123", "$0.1234", "$12.35". What costs something is never
    /// shown as nothing.
    static func cost(_ nanos: Int64) -> String {
        if nanos > 0, nanos < 500 { return "<$.000001" }
        // Micro-USD, rounded.
        let micros = max(0, nanos) / 1000 + (max(0, nanos) % 1000 >= 500 ? 1 : 0)
        func text(digits: Int, _ value: Int64) -> String {
            var scale: Int64 = 1
            for _ in 0..<digits { scale *= 10 }
            let fraction = String(value % scale)
            return "$\(value / scale).\(String(repeating: "0", count: digits - fraction.count))\(fraction)"
        }
        switch micros {
        case 0: return "$0"
        case ..<10_000: return text(digits: 6, micros)
        case ..<9_999_950: return text(digits: 4, (micros + 50) / 100)
        default: return text(digits: 2, (micros + 5000) / 10_000)
        }
    }
}
