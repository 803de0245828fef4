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
