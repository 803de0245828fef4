import Foundation
import Glibc
import Synchronization
import Testing

@testable import RoundhouseCLI

@Suite("Command line: the terminal as a screen", .timeLimit(.minutes(1)))
struct ScreenTests {
    @Test("a picture is one text that writes over the last one and clears nothing before")
    func frame() {
        let size = ScreenSize(columns: 4, rows: 3)
        #expect(
            ScreenText.frame(["ab", "abcd"], size)
                == "\u{1B}[?2026h\u{1B}[Hab\u{1B}[K\r\nabcd\u{1B}[0J\u{1B}[?2026l")
        // The last cell of a full screen would go with what is cleared behind it.
        #expect(
            ScreenText.frame(["\u{1B}[1mabcd\u{1B}[0m", "日本", "x"], size)
                == "\u{1B}[?2026h\u{1B}[H\u{1B}[1mabcd\u{1B}[0m\r\n日本\r\nx\u{1B}[K\u{1B}[?2026l")
    }

    @Test(
        "keys are found in what terminals send",
        arguments: [
            ("q", [Key.character("q")]), ("\u{1B}[A\u{1B}OB", [.up, .down]),
            ("\u{1B}[5~\u{1B}[6~", [.pageUp, .pageDown]),
            ("\u{1B}[H\u{1B}[1~\u{1B}OF\u{1B}[4~", [.home, .home, .end, .end]), ("\u{1A}", [.suspend]),
            ("\u{1B}q", [.character("q")]), ("\u{1B}\u{1B}[A", [.up]),
            ("ü\u{7}\u{1B}[1;5C\u{1B}[200~j", [.character("j")]),
            ("\u{1B}[" + String(repeating: "1;", count: 1000) + "Aj", [.character("j")]),
        ] as [(String, [Key])])
    func keys(sent: String, keys: [Key]) {
        var whole = KeyReader()
        #expect(whole.take(Array(sent.utf8)) == keys)
        var pieces = KeyReader()
        #expect(sent.utf8.flatMap { pieces.take([$0]) } == keys)
    }

    @Test(
        "a clipped line keeps its styles and never exceeds the columns",
        arguments: [
            (0, "\u{1B}[2m\u{1B}[0m"), (1, "\u{1B}[2ma\u{1B}[0m"), (2, "\u{1B}[2ma\u{1B}[0m"),
            (3, "\u{1B}[2ma日\u{1B}[0m"), (4, "\u{1B}[2ma日b\u{1B}[0m"), (5, "\u{1B}[2ma日b\u{1B}[0mc"),
            (9, "\u{1B}[2ma日b\u{1B}[0mc"),
        ])
    func clipping(columns: Int, text: String) {
        let clipped = TerminalText.clipped("\u{1B}[2ma日b\u{1B}[0mc", to: columns)
        #expect(clipped == text)
        #expect(TerminalText.styledWidth(clipped) <= columns)
    }

    @Test(
        "the locale says whether there are more characters than ASCII's",
        arguments: [
            ([:], false), (["LANG": "C"], false), (["LANG": "en_US.UTF-8"], true), (["LANG": "C.utf8"], true),
            (["LC_ALL": "POSIX", "LANG": "en_US.UTF-8"], false), (["LC_ALL": "", "LC_CTYPE": "de_DE.UTF-8"], true),
            (["LC_CTYPE": "C", "LANG": "de_DE.UTF-8"], false),
        ] as [([String: String], Bool)])
    func locale(environment: [String: String], isUnicode: Bool) {
        #expect(TerminalTraits.isUnicode(environment) == isUnicode)
    }

    @Test("bars show gaps, zero and something as three things")
    func bars() {
        let line = Sparkline([nil, 0, 0.001, 1, 3.5, 7, .nan, -1])
        #expect(line.top == 7)
        #expect(line.framed(isUnicode: true) == "│ ▁▂▂▅█ ▁│")
        #expect(line.framed(isUnicode: false) == "| _..=# _|")
        #expect(Sparkline([0, nil, 0]).bars(isUnicode: true) == "▁ ▁")
        #expect(Sparkline([]).framed(isUnicode: true) == "││")
        #expect(Sparkline([1, 1e300, .infinity], top: 1).bars(isUnicode: true) == "██ ")
    }

    // MARK: - A real terminal

    /// Both ends of a terminal.
    private final class Pair: Sendable {
        let master: Int32
        let slave: Int32
        private let written = Mutex("")

        init?() {
            var (master, slave): (Int32, Int32) = (0, 0)
            var size = winsize(ws_row: 33, ws_col: 111, ws_xpixel: 0, ws_ypixel: 0)
            guard unsafe openpty(&master, &slave, nil, nil, &size) == 0 else { return nil }
            (self.master, self.slave) = (master, slave)
        }

        deinit {
            close(self.master)
            close(self.slave)
        }

        var localFlags: tcflag_t {
            var mode = termios()
            return unsafe tcgetattr(self.slave, &mode) == 0 ? mode.c_lflag : 0
        }

        var text: String { self.written.withLock { $0 } }

        func keep(_ text: String) { self.written.withLock { $0 += text } }

        func type(_ text: String) {
            let bytes = Array(text.utf8)
            _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(self.master, $0.baseAddress, $0.count) }
        }
    }

    @Test(
        "keys come one by one, and the terminal is as it was in the end, whether that is good or bad",
        arguments: [true, false])
    func realTerminal(isGood: Bool) async throws {
        struct Failure: Error {}
        let pair = try #require(Pair())
        let before = pair.localFlags
        #expect(before & tcflag_t(ICANON) != 0)
        let keep: @Sendable (String) async throws -> Void = { pair.keep($0) }
        let run = {
            try await TerminalScreen(input: pair.slave, output: pair.slave).run(write: keep) { screen in
                #expect(screen.hasKeys && screen.size() == ScreenSize(columns: 111, rows: 33))
                #expect(pair.localFlags & tcflag_t(ICANON | ECHO) == 0 && pair.localFlags & tcflag_t(ISIG) != 0)
                pair.type("j\u{1B}[A\u{1A}q")
                var keys: [Key] = []
                for await event in screen.events {
                    guard case .key(let key) = event else { continue }
                    keys.append(key)
                    if key == .character("q") { break }
                }
                #expect(keys == [.character("j"), .up, .suspend, .character("q")])
                pair.keep("picture")
                if !isGood { throw Failure() }
            }
        }
        if isGood {
            try await run()
        } else {
            await #expect(throws: Failure.self) { try await run() }
        }
        #expect(pair.localFlags == before)
        #expect(pair.text == ScreenText.enter + "picture" + ScreenText.leave)
    }

    @Test("a cancelled command gives the terminal back, and input that is no terminal brings no keys")
    func cancelled() async throws {
        let pair = try #require(Pair())
        let before = pair.localFlags
        let nothing = unsafe open("/dev/null", O_RDONLY)
        defer { close(nothing) }
        for input in [pair.slave, nothing] {
            let (interruptions, interrupt) = AsyncStream.makeStream(of: Void.self)
            await #expect(throws: Interrupted.self) {
                try await Interruption.run(
                    {
                        try await TerminalScreen(input: input, output: pair.slave).run(write: { pair.keep($0) }) {
                            screen in
                            #expect(screen.hasKeys == (input == pair.slave))
                            interrupt.yield()
                            for await _ in screen.events {}
                            try Task.checkCancellation()
                        }
                    }, until: interruptions)
            }
            #expect(pair.localFlags == before && pair.text.hasSuffix(ScreenText.leave))
        }
    }
}
