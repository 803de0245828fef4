import Glibc
import Testing

@testable import Roundhouse

@Suite(.timeLimit(.minutes(1))) struct LogPipeTests {
    @Test func `A pipe that nobody reads holds nobody up, and what is lost is counted`() throws {
        var ends: [CInt] = [0, 0]
        try #require(unsafe pipe(&ends) == 0)
        let pipe = LogPipe(descriptor: ends[1])
        let lines = (0..<20_000).map { "line \($0) \(String(repeating: "x", count: 100))" }
        // Returns although the pipe is full after a fraction of them.
        for line in lines { pipe.write(line) }
        let lost = pipe.lost
        #expect(lost > 0 && pipe.takeLost() == 0)
        let read = Self.readAll(ends[0], until: lines.count - lost)
        pipe.flush(within: .seconds(30))
        #expect(read == Array(lines.prefix(read.count)) && read.count + lost == lines.count)
        #expect(pipe.takeLost() == lost && pipe.takeLost() == 0)
        pipe.write("and on")
        #expect(Self.readAll(ends[0], until: 1) == ["and on"])
        close(ends[0])
        close(ends[1])
    }

    @Test func `A line that is longer than a pipe takes at once stays whole`() throws {
        var ends: [CInt] = [0, 0]
        try #require(unsafe pipe(&ends) == 0)
        let pipe = LogPipe(descriptor: ends[1])
        let lines = [String(repeating: "a", count: 200_000), "b", String(repeating: "c", count: 5000)]
        for line in lines { pipe.write(line) }
        #expect(Self.readAll(ends[0], until: 3) == lines)
        pipe.flush(within: .seconds(30))
        close(ends[0])
        close(ends[1])
    }

    @Test func `Lines that nobody is left to read are counted, those that waited for it, too`() throws {
        // As the server does: a pipe without a reader is an error and not the end.
        signal(SIGPIPE, SIG_IGN)
        var ends: [CInt] = [0, 0]
        try #require(unsafe pipe(&ends) == 0)
        let pipe = LogPipe(descriptor: ends[1])
        let line = String(repeating: "x", count: 199)
        let count = 2000
        for _ in 0..<count { pipe.write(line) }
        #expect(pipe.lost == 0, "all of it has room in memory")
        close(ends[0])
        pipe.flush(within: .seconds(30))
        // What the kernel had taken by then, 64 KiB at most, is not ours any more.
        #expect(pipe.lost <= count && pipe.lost >= count - 65_536 / 200, "\(pipe.lost)")
        let before = pipe.lost
        for _ in 0..<3 { pipe.write("nobody") }
        #expect(pipe.lost == before + 3)
        // A line that says so would be lost as well.
        #expect(pipe.takeLost() == 0)
        close(ends[1])
    }

    private static func readAll(_ descriptor: CInt, until count: Int) -> [String] {
        var bytes: [UInt8] = []
        var newlines = 0
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while newlines < count {
            let read = unsafe buffer.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
            guard read > 0 else { break }
            newlines += buffer.prefix(read).count { $0 == 0x0A }
            bytes += buffer.prefix(read)
        }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}
