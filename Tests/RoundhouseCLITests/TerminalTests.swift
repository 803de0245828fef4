import Testing

@testable import RoundhouseCLI

struct TerminalTests {
    private let table: Table = {
        var table = Table([
            .init(title: "NAME"), .init(title: "N", alignment: .right), .init(title: "REMARK", canShrink: true),
            .init(title: "MORE", canShrink: true),
        ])
        table.add(["alpha", "12", "the quick brown fox jumps", "over the lazy dog"])
        table.add(["b", "3", "short", ""])
        return table
    }()

    @Test("a table for a program is whole")
    func plainTable() {
        #expect(
            self.table.rendered(for: .plain) == """
                NAME    N  REMARK                     MORE
                alpha  12  the quick brown fox jumps  over the lazy dog
                b       3  short

                """
        )
    }

    @Test("a table for a terminal fits, cutting the widest columns that may be cut", arguments: [30, 40, 50, 56])
    func fittedTable(columns: Int) {
        let text = self.table.rendered(for: .init(isTerminal: true, columns: columns, isStyled: false))
        let lines = text.split(separator: "\n").map(String.init)
        #expect(lines.count == 3)
        #expect(lines.allSatisfy { TerminalText.width($0) <= columns })
        #expect(lines[1].hasPrefix("alpha  12  the"))
        #expect(lines[1].contains("…") == (columns < 56))
    }

    @Test("a table keeps what must not be cut, even on a terminal that is too narrow")
    func narrowTable() {
        let text = self.table.rendered(for: .init(isTerminal: true, columns: 5, isStyled: false))
        #expect(text.hasPrefix("NAME    N  REMARK    MORE\nalpha  12  the qui…  over th…\n"))
    }

    @Test(
        "columns that can be spared go, the last one first, before anything wraps",
        arguments: [
            (40, "NAME      A  B   REMARK\nabcdefgh  1  22  the quick brown\n"),
            (26, "NAME      A  B   REMARK\nabcdefgh  1  22  the quic…\n"),
            (23, "NAME      A  REMARK\nabcdefgh  1  the quick…\n"), (18, "NAME      REMARK\nabcdefgh  the qui…\n"),
            (3, "NAME      REMARK\nabcdefgh  the qui…\n"),
        ]
    )
    func sparedColumns(columns: Int, shown: String) {
        var table = Table([
            .init(title: "NAME"), .init(title: "A", canBeSpared: true), .init(title: "B", canBeSpared: true),
            .init(title: "REMARK", canShrink: true),
        ])
        table.add(["abcdefgh", "1", "22", "the quick brown"])
        #expect(table.rendered(for: .init(isTerminal: true, columns: columns, isStyled: false)) == shown)
    }

    @Test("cells cannot break the table's lines or the terminal")
    func hostileCells() {
        var table = Table([.init(title: "A")])
        table.add(["x\ny\u{1B}[0m", "beyond"])
        table.add([])
        #expect(table.rendered(for: .plain) == "A\nx y[0m\n\n")
    }

    @Test(
        "widths count columns, not characters",
        arguments: [("abc", 3), ("日本", 4), ("e\u{301}", 1), ("🚂", 2), ("", 0)]
    )
    func widths(text: String, columns: Int) {
        #expect(TerminalText.width(text) == columns)
    }

    @Test("shortening never exceeds the columns", arguments: 1...8)
    func shortening(columns: Int) {
        let short = TerminalText.shortened("日本x語文", to: columns)
        #expect(TerminalText.width(short) <= columns || columns == 0)
        #expect(short.hasSuffix("…"))
    }

    @Test(
        "numbers are rounded as people expect",
        arguments: [
            (0.0, 0, "0"), (1.25, 1, "1.3"), (0.999, 2, "1.00"), (12.04, 1, "12.0"), (-0.04, 1, "0.0"),
            (-1.5, 0, "-2"), (.infinity, 1, "inf"),
        ]
    )
    func fixed(value: Double, digits: Int, text: String) {
        #expect(Figures.fixed(value, digits: digits) == text)
    }

    @Test(
        "durations have the unit that tells most",
        arguments: [
            (Duration.microseconds(400), "0 ms"), (.milliseconds(85), "85 ms"), (.milliseconds(1240), "1.24 s"),
            (.seconds(185), "3 min 5 s"), (.seconds(8040), "2 h 14 min"), (.seconds(1_047_600), "12 d 3 h"),
        ]
    )
    func durations(duration: Duration, text: String) {
        #expect(Figures.duration(duration) == text)
    }

    @Test(
        "sizes are in binary units",
        arguments: [
            (Int64(0), "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (356_515_840, "340.0 MiB"),
            (5 << 40, "5.0 TiB"),
        ] as [(Int64, String)]
    )
    func sizes(count: Int64, text: String) {
        #expect(Figures.bytes(count) == text)
    }

    @Test("NO_COLOR and dumb terminals turn styles off")
    func styles() {
        #expect(TerminalTraits.wantsStyle([:]))
        #expect(TerminalTraits.wantsStyle(["NO_COLOR": ""]))
        #expect(!TerminalTraits.wantsStyle(["NO_COLOR": "1"]))
        #expect(!TerminalTraits.wantsStyle(["TERM": "dumb"]))
        #expect(TerminalTraits.plain.dim("x") == "x")
        #expect(TerminalTraits(isTerminal: true, columns: 80, isStyled: true).dim("x") == "\u{1B}[2mx\u{1B}[0m")
    }
}
