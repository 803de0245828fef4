import FoundationEssentials
import Inference
import TestSupport

/// The table of outcomes in `docs/Reliability.md`.
struct FaultTable {
    let outcomes: [FaultOutcome]
    let doorOutcomes: [DoorOutcome]

    static let begin = "<!-- fault table -->"
    static let end = "<!-- end of fault table -->"

    /// What was done, a row for each fault, and below them what is different on some wires.
    var markdown: String {
        let bytes = { (words: [String]) in words.reduce(0) { $0 + $1.utf8.count } }
        let wires = WireSample.all.map(\.name)
        var lines = [
            "Seen by the tests on \(wires.dropLast().joined(separator: ", ")) and \(wires.last ?? ""). The first candidate "
                + "has the fault, the second is well;",
            "no model is asked twice. An answer has \(bytes(FaultCell.words)) bytes of text; a fault in mid-answer comes after "
                + "\(bytes(FaultCell.half)) of them.",
            "Under RESTART the second says something else, under ALIGN the same. The last two columns are a stream of",
            "`/v1/chat/completions`, whose recovery is ALIGN: as the others, and when there is no second candidate.",
            "",
            "| the upstream | the attempt is recorded as | FAIL | RESTART | CONTINUE | ALIGN | `/v1` | `/v1`, nobody else |",
            "|---|---|---|---|---|---|---|---|",
        ]
        var notes: [String] = []
        for fault in Fault.allCases {
            let reason = self.cell(fault, "recorded as", &notes) { outcomes in
                outcomes.first.map { $0.reason.isEmpty ? "answered" : "`\($0.reason)`" } ?? ""
            }
            let summaries = [RecoveryMode.fail, .restart, .continue, .align].map { mode in
                self.cell(fault, mode.rawValue.uppercased(), &notes) { outcomes in
                    outcomes.first { $0.cell.recovery == mode }?.summary ?? ""
                }
            }
            let doors = [false, true].map { isAlone in
                self.cell(
                    fault, isAlone ? "`/v1`, nobody else" : "`/v1`", &notes,
                    onWire: { wire in
                        self.doorOutcomes.first {
                            $0.cell.wire == wire && $0.cell.fault == fault && $0.cell.isAlone == isAlone
                        }?.summary ?? ""
                    })
            }
            lines.append("| \(fault.rawValue) | \(reason) | \((summaries + doors).joined(separator: " | ")) |")
        }
        if !notes.isEmpty { lines += [""] + notes.map { "- \($0)" } }
        return lines.joined(separator: "\n")
    }

    /// What most wires say; a note for each of the others.
    private func cell(
        _ fault: Fault, _ column: String, _ notes: inout [String], _ text: ([FaultOutcome]) -> String
    ) -> String {
        self.cell(
            fault, column, &notes,
            onWire: { wire in text(self.outcomes.filter { $0.cell.wire == wire && $0.cell.fault == fault }) })
    }

    private func cell(
        _ fault: Fault, _ column: String, _ notes: inout [String], onWire text: (WireSample) -> String
    ) -> String {
        let texts = WireSample.all.map { ($0, text($0)) }
        let counts = texts.map { candidate in texts.count { $0.1 == candidate.1 } }
        guard let most = zip(texts, counts).max(by: { $0.1 < $1.1 })?.0.1 else { return "" }
        for (wire, different) in texts where different != most {
            notes.append("\(wire.name), \(fault.rawValue), \(column): \(different)")
        }
        return most
    }

    /// The page with this table between its markers; `nil` when it has none.
    func placed(in page: String) -> String? {
        guard let begin = page.firstRange(of: Self.begin), let end = page.firstRange(of: Self.end),
            begin.upperBound <= end.lowerBound
        else { return nil }
        return page[..<begin.upperBound] + "\n\n" + self.markdown + "\n\n" + page[end.lowerBound...]
    }
}
