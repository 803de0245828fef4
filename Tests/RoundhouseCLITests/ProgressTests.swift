import Testing

@testable import RoundhouseCLI

struct ProgressTests {
    private static let download = ProgressBar(
        title: "downloading",
        done: 1 << 30,
        total: 4 << 30,
        resumed: 512 << 20,
        rate: Double(64 << 20)
    )

    @Test(
        "a line is never wider than the terminal, and gives up the least important first",
        arguments: [
            (120, "downloading  [###===>                       ]  25 %  1.0 GiB of 4.0 GiB  64.0 MiB/s  48 s left"),
            (92, "downloading  [##==>               ]  25 %  1.0 GiB of 4.0 GiB  64.0 MiB/s  48 s left"),
            (80, "downloading  [#=>         ]  25 %  1.0 GiB of 4.0 GiB  64.0 MiB/s  48 s left"),
            (70, "downloading  [>     ]  25 %  1.0 GiB of 4.0 GiB  64.0 MiB/s  48 s left"),
            (60, "downloading  [>     ]  25 %  1.0 GiB of 4.0 GiB  48 s left"),
            (55, "downloading  [##==>               ]  25 %  48 s left"),
            (44, "downloading  [#=>         ]  25 %  48 s left"), (40, "downloading  [>     ]  25 %  48 s left"),
            (30, "downloading  25 %  48 s left"), (20, "downloading  25 %"), (12, "downloading"), (6, "downl…"),
            (1, "…"),
        ]
    )
    func widths(columns: Int, line: String) {
        #expect(Self.download.line(columns: columns) == line)
    }

    @Test("no width makes a line that is too wide or holds anything but ASCII in its bar", arguments: 1...130)
    func everyWidth(columns: Int) {
        let titles = ["x", "loading local/small", "日本語のモデル", String(repeating: "long ", count: 20)]
        for title in titles {
            for (done, total) in [(0, 0), (1, 3), (3, 3), (9, 3), (Int64.max, Int64.max)] as [(Int64, Int64)] {
                for rate in [nil, 0, 0.2, 1e9, 1e300] as [Double?] {
                    let bar = ProgressBar(title: title, done: done, total: total, resumed: done / 2, rate: rate)
                    #expect(TerminalText.width(bar.line(columns: columns)) <= columns)
                }
            }
        }
        #expect(Self.download.line(columns: columns).unicodeScalars.allSatisfy { $0.isASCII || $0 == "…" })
    }

    @Test(
        "what is not known is not drawn",
        arguments: [
            (ProgressBar(title: "x", done: 2048), "x  2.0 KiB"),
            (ProgressBar(title: "x", done: 2048, rate: 1024), "x  2.0 KiB  1.0 KiB/s"),
            (
                ProgressBar(title: "x", done: 0, total: 4096, rate: 0),
                "x  [                              ]  0 %  0 B of 4.0 KiB  0 B/s"
            ),
            (
                ProgressBar(title: "x", done: 4096, total: 4096, rate: 10),
                "x  [==============================]  100 %  4.0 KiB of 4.0 KiB  10 B/s"
            ),
            (
                ProgressBar(title: "x", done: 5000, total: 4096),
                "x  [==============================]  100 %  4.9 KiB"
            ),
            (
                ProgressBar(title: "x", done: 3, total: 10, rate: 0.5, unit: .items),
                "x  [========>                     ]  30 %  3 of 10  14 s left"
            ),
        ]
    )
    func unknown(bar: ProgressBar, line: String) {
        #expect(bar.line(columns: 100) == line)
    }

    @Test("just before the end it is not 100 %")
    func almost() {
        #expect(ProgressBar(title: "x", done: 9999, total: 10_000).line(columns: 100).contains(" 99 %"))
    }

    @Test("the rate follows a change of speed without jumping, and starts from what is seen")
    func rate() throws {
        var meter = RateMeter()
        meter.take(0, at: .zero)
        #expect(meter.perSecond == nil)
        meter.take(500, at: .milliseconds(500))
        let first = try #require(meter.perSecond)
        #expect(abs(first - 1000) < 0.001)
        for second in 1...60 {
            meter.take(500 + 3000 * Int64(second), at: .milliseconds(500) + .seconds(second))
            let rate = try #require(meter.perSecond)
            #expect(rate > 1000 && rate < 3001)
        }
        let settled = try #require(meter.perSecond)
        #expect(settled > 2990)
    }

    @Test("bytes that come in bursts within the jitter are not a rate, and a new beginning forgets the old one")
    func jitter() throws {
        var meter = RateMeter()
        meter.take(0, at: .zero)
        meter.take(1_000_000, at: .milliseconds(1))
        #expect(meter.perSecond == nil)
        meter.take(1_000_000, at: .seconds(1))
        let rate = try #require(meter.perSecond)
        #expect(abs(rate - 1_000_000) < 1)
        meter.take(10, at: .seconds(2))
        #expect(meter.perSecond == nil)
    }

    @Test("standing still, the rate sinks and no time is promised")
    func stalled() throws {
        var meter = RateMeter()
        meter.take(0, at: .zero)
        meter.take(1000, at: .seconds(1))
        for second in 2...200 { meter.take(1000, at: .seconds(second)) }
        let rate = try #require(meter.perSecond)
        #expect(rate < 0.001)
        let bar = ProgressBar(title: "x", done: 1000, total: 1 << 40, rate: rate)
        #expect(!bar.line(columns: 100).contains("left"))
    }

    @Test("where nobody watches: a line for each phase and each tenth, and one in 30 s without a total")
    func plain() {
        let console = RecordingConsole()
        var view = ProgressView(console)
        var text = view.show("checking") + view.show("checking")
        for done in 0...1000 {
            text += view.show("downloading", done: Int64(done), of: 1000, resumed: 100)
        }
        #expect(
            text.split(separator: "\n").prefix(3) == [
                "checking", "downloading: 0 %, 0 B of 1000 B, 100 B from before",
                "downloading: 10 %, 100 B of 1000 B, 100 B from before",
            ]
        )
        #expect(text.filter { $0 == "\n" }.count == 12)
        text = ""
        for done in 0..<120 {
            text += view.show("copying", done: Int64(done), of: 0)
            console.time.advance(by: .seconds(1))
        }
        #expect(text == "copying: 0 B\ncopying: 30 B\ncopying: 60 B\ncopying: 90 B\n")
        #expect(view.finish() + view.clear() == "")
    }

    @Test("on a terminal one line is drawn again, with a rate that does not count what was there before")
    func terminal() {
        let console = RecordingConsole(traits: .init(isTerminal: true, columns: 81, isStyled: false))
        var view = ProgressView(console)
        #expect(view.show("a\nb") == "\r\u{1B}[Ka b")
        _ = view.show("x", done: 500, of: 1000, resumed: 500)
        console.time.advance(by: .seconds(1))
        let line = view.show("x", done: 600, of: 1000, resumed: 500)
        #expect(line == "\r\u{1B}[Kx  [###############==>            ]  60 %  600 B of 1000 B  100 B/s  4 s left")
        #expect(view.clear() == "\r\u{1B}[K")
        #expect(view.finish() == "")
        // What was said between leaves the rate as it was.
        console.time.advance(by: .seconds(1))
        #expect(view.show("x", done: 700, of: 1000, resumed: 500).contains("100 B/s  3 s left"))
    }
}
